import { isHostName, isWithinDomain } from '@popmesh/contracts';
import type { VersionRecord } from '@popmesh/protocol';
import type { FunctionView, Registry } from '@popmesh/replication';
import type { HostRecords } from './host-records.ts';
import type { HostSummary, RouteOff } from './host-schemas.ts';

/** What there is to say about claims and routes. Reads only. */

/** Hosts in the routes of versions, each once. */
export const namedBy = (versions: readonly VersionRecord[]): Set<string> =>
  new Set(
    versions.flatMap(({ config }) => (config?.routes ?? []).map(({ host }) => host.toLowerCase())),
  );

type Naming = Pick<HostSummary, 'functions' | 'olderVersionsOf'>;

/** Live functions that name a host, and those of which only older versions do; by host. */
export function namesOf(functions: readonly FunctionView[]): ReadonlyMap<string, Naming> {
  const names = new Map<string, Naming>();
  for (const { id, live, versions } of functions) {
    const now = namedBy(live.map(({ version }) => version));
    for (const host of namedBy(versions)) {
      const held = names.get(host) ?? { functions: [], olderVersionsOf: [] };
      names.set(host, held);
      (now.has(host) ? held.functions : held.olderVersionsOf).push(id);
    }
  }
  return names;
}

/** Every claim of the namespaces that `maySee`, in the order of hosts. */
export function hostSummaries(
  records: HostRecords,
  registry: Pick<Registry, 'list'>,
  maySee: (namespace: string) => boolean,
): HostSummary[] {
  const byNamespace = new Map<string, ReadonlyMap<string, Naming>>();
  const namesIn = (namespace: string) => {
    const names = byNamespace.get(namespace) ?? namesOf(registry.list(namespace));
    byNamespace.set(namespace, names);
    return names;
  };
  return records.hosts().flatMap((host) => {
    const claims = records.claimsOf(host);
    const owner = records.owner(host);
    return claims
      .filter(({ namespace }) => maySee(namespace))
      .map(({ namespace, claimedAtMs }) => ({
        host,
        namespace,
        claimedAtMs,
        claimedBy: records.claimedBy(host, namespace),
        state: owner?.namespace === namespace ? ('owned' as const) : ('taken' as const),
        claims: claims.length,
        ...(namesIn(namespace).get(host) ?? { functions: [], olderVersionsOf: [] }),
      }));
  });
}

/** Routes of the live version that no gateway serves, and why. */
export function routesOff(
  { namespace, live }: FunctionView,
  records: Pick<HostRecords, 'owner'>,
  domain: string,
): RouteOff[] {
  const off: RouteOff[] = [];
  for (const route of live[0]?.version.config?.routes ?? []) {
    const host = route.host.toLowerCase();
    const owner = records.owner(host)?.namespace;
    if (!isHostName(host) || isWithinDomain(host, domain)) {
      off.push({ host, path: route.path, reason: 'not_routable' });
    } else if (owner !== namespace) {
      off.push({ host, path: route.path, reason: owner === undefined ? 'unclaimed' : 'taken' });
    }
  }
  return off;
}
