import type { ReadinessState } from '@popmesh/gossip';
import { announcedFailures, cutToBytes } from './announced-failures.ts';
import type { Announcement } from './announcer.ts';
import type { NodeConfig } from './config.ts';
import type { Failure } from './reconciler.ts';

/** What this node says of itself, from the states of its parts. Pure. */

const REASON_BYTES_MAX = 300;
const PROBLEM_BYTES_MAX = 200;

export interface NodeFacts {
  readonly config: NodeConfig;
  readonly state: ReadinessState;
  /** Undefined while it is ready. */
  readonly notReadyReason: string | undefined;
  readonly process: bigint;
  /** Undefined: not known yet. */
  readonly clockAheadMs: number | undefined;
  readonly apiAddress: string;
  readonly meshAddress: string;
  readonly pid: number;
  readonly softwareVersion: string;
  readonly startedAtMs: number;
  readonly dataPlanes: readonly { readonly namespace: string; readonly address: string }[];
  readonly served: readonly {
    readonly function: string;
    readonly revision: bigint;
    readonly fallbackVersion?: number;
  }[];
  readonly failures: readonly Failure[];
  readonly load: number;
  readonly controlGroups: string;
  readonly storageProblem: string | undefined;
  readonly nats: {
    readonly connected: boolean;
    readonly version?: string | undefined;
    readonly problem?: string | undefined;
  };
}

export function describeNode(facts: NodeFacts): Announcement {
  const { config } = facts;
  return {
    id: config.id,
    pop: config.pop.code,
    popName: config.pop.name ?? config.pop.code,
    region: config.pop.region,
    latitude: config.pop.latitude,
    longitude: config.pop.longitude,
    apiAddress: facts.apiAddress,
    meshAddress: facts.meshAddress,
    state: facts.state,
    notReadyReason: cutToBytes(facts.notReadyReason ?? '', REASON_BYTES_MAX),
    process: facts.process,
    clockAheadMs: BigInt(facts.clockAheadMs ?? 0),
    pid: facts.pid,
    softwareVersion: facts.softwareVersion,
    dataPlanes: facts.dataPlanes.map(({ namespace, address }) => ({
      namespace,
      address: advertised(address, config),
    })),
    ready: facts.served.map(({ function: id, revision, fallbackVersion }) => ({
      function: id,
      revision,
      ...(fallbackVersion === undefined ? {} : { fallbackVersion }),
    })),
    load: Math.min(1, Math.max(0, facts.load)),
    cgroup: facts.controlGroups,
    natsConnected: facts.nats.connected,
    natsVersion: facts.nats.version ?? '',
    natsProblem: cutToBytes(facts.nats.problem ?? '', PROBLEM_BYTES_MAX),
    storageProblem: cutToBytes(facts.storageProblem ?? '', PROBLEM_BYTES_MAX),
    startedAtMs: BigInt(Math.floor(facts.startedAtMs)),
    failures: announcedFailures(facts.failures),
  };
}

/** The port as bound, under the name that others reach this machine by. */
export function advertised(address: string, config: NodeConfig): string {
  const host = config.listen.advertiseHost;
  if (host === undefined) return address;
  return `${host.includes(':') ? `[${host}]` : host}${address.slice(address.lastIndexOf(':'))}`;
}
