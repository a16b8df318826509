import { revisionTimeMs } from '@popmesh/contracts';
import type { FunctionConfigSchema, MessageInitShape, VersionRecord } from '@popmesh/protocol';
import type { FunctionView } from '@popmesh/replication';
import type { FunctionDetail, FunctionSummary, VersionSummary } from './api/control.ts';
import type { DeployManifest } from './api/schemas.ts';
import type { RouteOff } from './hosts/host-schemas.ts';
import type { NodeView } from './mesh-view.ts';

/** Between the registry's records and the API's JSON. Pure. */

export const toFunctionConfig = (
  manifest: DeployManifest,
): MessageInitShape<typeof FunctionConfigSchema> => ({
  ...manifest.config,
  limits: numbersOf(manifest.config.limits),
  scaling: numbersOf(manifest.config.scaling),
  engine: manifest.engine,
});

interface ReadyNode {
  readonly id: string;
  readonly revision: bigint;
  readonly fallbackVersion: number;
}

interface FailedNode {
  readonly id: string;
  readonly revision: bigint;
  readonly code: string;
  readonly message: string;
}

export interface ReadinessIndex {
  readonly ready: ReadonlyMap<string, readonly ReadyNode[]>;
  readonly failed: ReadonlyMap<string, readonly FailedNode[]>;
}

/** Which live nodes serve what, made once for a whole list: functions times nodes is a large number. */
export function readinessIndex(nodes: readonly NodeView[]): ReadinessIndex {
  const ready = new Map<string, ReadyNode[]>();
  const failed = new Map<string, FailedNode[]>();
  for (const { announcement, member } of nodes) {
    if (member !== 'alive') continue;
    const { id } = announcement;
    for (const { function: fn, revision, fallbackVersion } of announcement.ready) {
      add(ready, fn, { id, revision, fallbackVersion });
    }
    for (const { function: fn, revision, code, message } of announcement.failures) {
      add(failed, fn, { id, revision, code, message });
    }
  }
  return { ready, failed };
}

function add<T>(index: Map<string, T[]>, fn: string, entry: T): void {
  const held = index.get(fn);
  if (held === undefined) index.set(fn, [entry]);
  else held.push(entry);
}

export function summaryOf(
  view: FunctionView,
  readiness: ReadinessIndex,
  routesOff: RouteOff[],
): FunctionSummary {
  const main = view.live[0]?.version;
  const serving = readiness.ready.get(view.id) ?? [];
  const failing = readiness.failed.get(view.id) ?? [];
  return {
    function: view.id,
    namespace: view.namespace,
    name: view.name,
    version: main?.number ?? 0,
    label: main?.label ?? '',
    revision: view.revision.toString(),
    aliases: Object.fromEntries(
      view.aliases.map(({ name, targets }) => [
        name,
        targets.map(({ version, weight }) => ({ version, weight })),
      ]),
    ),
    updatedAtMs: revisionTimeMs(view.revision),
    sizeBytes: Number(main?.artifact?.sizeBytes ?? 0),
    engine: main?.config?.engine ?? '',
    routesOff,
    readyOn: serving.filter(({ revision }) => revision >= view.revision).map(({ id }) => id),
    olderOn: serving
      .filter(({ fallbackVersion }) => fallbackVersion > 0)
      .map(({ id, fallbackVersion }) => ({ node: id, version: fallbackVersion })),
    failedOn: failing
      .filter(({ revision }) => revision === view.revision)
      .map(({ id, code, message }) => ({ node: id, code, message })),
    notices: view.notices.map(({ timeMs, kind, message, versions, authors }) => ({
      timeMs: Number(timeMs),
      kind,
      message,
      versions,
      authors,
    })),
  };
}

export function detailOf(
  view: FunctionView,
  readiness: ReadinessIndex,
  routesOff: RouteOff[],
): FunctionDetail {
  const version = view.live[0]?.version;
  const config = version?.config;
  return {
    ...summaryOf(view, readiness, routesOff),
    digest: version?.artifact?.digest ?? '',
    door: version?.artifact?.door ?? '',
    config: {
      routes: (config?.routes ?? []).map(({ host, path }) => ({ host, path })),
      env: { ...config?.env },
      limits: numbersOf(config?.limits),
      scaling: numbersOf(config?.scaling),
      outboundHosts: config?.outboundHosts ?? [],
      isolation: config?.isolation === 'request' ? 'request' : 'instance',
      regions: config?.regions ?? [],
    },
  };
}

export function versionsOf(view: FunctionView): VersionSummary[] {
  const weights = new Map(view.live.map(({ version, weight }) => [version.number, weight]));
  return [...view.versions]
    .sort((a, b) => b.number - a.number)
    .map((version: VersionRecord) => ({
      version: version.number,
      ...(version.renumberedFrom === 0 ? {} : { was: version.renumberedFrom }),
      label: version.label,
      live: weights.has(version.number),
      weight: weights.get(version.number) ?? 0,
      createdAtMs: Number(version.createdAtMs),
      createdBy: version.createdBy,
      sizeBytes: Number(version.artifact?.sizeBytes ?? 0),
      digest: version.artifact?.digest ?? '',
      engine: version.config?.engine ?? '',
    }));
}

/** Only what was set: zero stands for "the platform's default" on the wire. */
const numbersOf = (message: object | undefined): Record<string, number> =>
  Object.fromEntries(
    Object.entries(message ?? {}).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] !== 0,
    ),
  );
