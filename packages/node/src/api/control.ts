import type { z } from '@hono/zod-openapi';
import type { ErrorCode, FunctionId } from '@popmesh/contracts';
import type { Release } from '../hosts/host-control.ts';
import type { HostSummary } from '../hosts/host-schemas.ts';
import type { LogFilter, LogLine } from '../log-line.ts';
import type { QuotaChange, QuotaSummary } from '../quota/quota-schemas.ts';
import type {
  DeployManifest,
  deletedSchema,
  deployedSchema,
  functionSchema,
  functionWithConfigSchema,
  Rollout,
  Status,
  versionSchema,
} from './schemas.ts';

/**
 * What the API needs of the node, so that its routes can be read (and tested)
 * without the parts behind them. Errors are PopmeshErrors; their code decides
 * the HTTP status.
 */

export interface Actor {
  readonly who: string;
  readonly tokenId: string | undefined;
  /** Address of the caller's socket. */
  readonly from: string;
}

export interface Viewer {
  readonly seesAll: boolean;
  maySee(namespace: string): boolean;
}

export type Deployed = z.output<typeof deployedSchema>;
export type FunctionSummary = z.output<typeof functionSchema>;
export type FunctionDetail = z.output<typeof functionWithConfigSchema>;
export type VersionSummary = z.output<typeof versionSchema>;
export type Deleted = z.output<typeof deletedSchema>;

export interface DeployRequest {
  readonly namespace: string;
  readonly name: string;
  readonly manifest: DeployManifest;
  readonly component: Uint8Array;
}

export interface Control {
  deploy(request: DeployRequest, actor: Actor, signal: AbortSignal): Promise<Deployed>;
  /** Without a version: the one before the live one. */
  rollback(fn: FunctionId, version: number | undefined, actor: Actor): Promise<Deployed>;
  remove(fn: FunctionId, actor: Actor): Promise<Deleted>;
  list(): FunctionSummary[];
  /** Throws `function_not_found`. */
  get(fn: FunctionId): FunctionDetail;
  versions(fn: FunctionId): VersionSummary[];
  rollout(fn: FunctionId, revision: bigint | undefined): Rollout;
  /** Claims to custom hosts. */
  hosts(maySee: (namespace: string) => boolean): HostSummary[];
  releaseHost(
    release: Release,
    actor: Actor,
  ): Promise<{ readonly host: string; readonly namespace: string; readonly released: true }>;
  /** What namespaces may have and have. */
  quotas(maySee: (namespace: string) => boolean): QuotaSummary[];
  quota(namespace: string): QuotaSummary;
  setQuota(namespace: string, change: QuotaChange, actor: Actor): Promise<QuotaSummary>;
  logs(filter: LogFilter, signal: AbortSignal, tokenId: string): AsyncIterable<LogLine>;
  /** Of what the caller may see. */
  status(viewer: Viewer): Status;
  /** Undefined when ready, else why not. */
  notReady(): string | undefined;
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
  denied(actor: Actor, what: string, code: ErrorCode): void;
}
