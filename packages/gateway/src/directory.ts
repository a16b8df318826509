import {
  DEFAULT_NAMESPACE,
  type FunctionId,
  functionId,
  isHostName,
  isName,
  isWithinDomain,
} from '@popmesh/contracts';
import { type FunctionRecord, type HostClaim, HostOwners } from '@popmesh/protocol';
import { HostRoutes, kinOfHosts, ownHostsAbove, type RouteClaim } from './host-routes.ts';
import type { FunctionState } from './mesh-view.ts';
import type { Kin, Site } from './site.ts';

/**
 * Host and path to function. Names are computed from the host, not indexed, so
 * ten thousand functions cost one map; only custom routes have an index, rebuilt
 * on the next look-up after one of them changed.
 */

const TIMEOUT_MS_DEFAULT = 30_000;
const REQUEST_BODY_MB_DEFAULT = 16;

/** What forwarding needs to know of a live function. */
export interface FunctionEntry {
  readonly id: FunctionId;
  readonly namespace: string;
  readonly revision: bigint;
  readonly timeoutMs: number;
  readonly requestBodyBytesMax: number;
  /** Empty means everywhere. */
  readonly regions: readonly string[];
  readonly routes: readonly RouteClaim<FunctionId>[];
}

export interface Match {
  readonly entry: FunctionEntry;
  /** What the function sees, with the query. */
  readonly path: string;
  readonly via: Site['via'];
  readonly kin?: Kin | undefined;
  readonly ownAbove?: ReadonlySet<string> | undefined;
}

export class Directory {
  readonly #domain: string;
  readonly #suffix: string;
  readonly #functions = new Map<string, FunctionEntry>();
  readonly #owners = new HostOwners();
  #routes: HostRoutes<FunctionId> | undefined;
  /** Made with the routes. */
  #kin: ReadonlyMap<string, Kin> = new Map();
  #ownAbove: ReadonlyMap<string, ReadonlySet<string>> = new Map();

  constructor(domain: string) {
    this.#domain = domain;
    this.#suffix = `.${domain}`;
  }

  get size(): number {
    return this.#functions.size;
  }

  get(id: string): FunctionEntry | undefined {
    return this.#functions.get(id);
  }

  entries(): Iterable<FunctionEntry> {
    return this.#functions.values();
  }

  apply(state: FunctionState): void {
    const held = this.#functions.get(state.id);
    if (held !== undefined && held.revision > state.revision) return;
    const entry = state.record.deleted ? undefined : this.#toEntry(state);
    if (entry === undefined) this.#functions.delete(state.id);
    else this.#functions.set(state.id, entry);
    const asked = this.#owners.setFunction(state.id, state.record);
    if (asked || (held?.routes.length ?? 0) + (entry?.routes.length ?? 0) > 0) {
      this.#routes = undefined;
    }
  }

  applyClaim(claim: HostClaim): void {
    this.#owners.setClaim(claim);
    this.#routes = undefined;
  }

  /** A release that the table has forgotten: it decided nothing any more. */
  dropClaim(host: string, namespace: string): void {
    this.#owners.dropClaim(host, namespace);
  }

  /** `host` in lower case without port and trailing dot; `url` starts with `/`. */
  find(host: string, url: string): Match | undefined {
    if (host.endsWith(this.#suffix)) {
      const entry = this.#byName(host);
      return entry === undefined ? undefined : { entry, path: url, via: 'name' };
    }
    const routes = this.#hostRoutes();
    if (host !== this.#domain && routes.size > 0 && routes.hasHost(host)) {
      const query = url.indexOf('?');
      const id = routes.find(host, query === -1 ? url : url.slice(0, query));
      const entry = id === undefined ? undefined : this.#functions.get(id);
      if (entry === undefined) return undefined;
      const kin = this.#kin.get(host);
      return { entry, path: url, via: 'host', kin, ownAbove: this.#ownAbove.get(host) };
    }
    return this.#byPath(url);
  }

  #byName(host: string): FunctionEntry | undefined {
    const labels = host.slice(0, -this.#suffix.length);
    const dot = labels.indexOf('.');
    return dot === -1
      ? this.#functions.get(`${DEFAULT_NAMESPACE}/${labels}`)
      : this.#functions.get(`${labels.slice(dot + 1)}/${labels.slice(0, dot)}`);
  }

  /** `/<namespace>/<function>/rest?query` → `/rest?query`. */
  #byPath(url: string): Match | undefined {
    const first = url.indexOf('/', 1);
    if (first === -1) return undefined;
    let end = first + 1;
    while (end < url.length && url[end] !== '/' && url[end] !== '?') end++;
    const entry = this.#functions.get(url.slice(1, end));
    if (entry === undefined) return undefined;
    const rest = url.slice(end);
    return { entry, path: rest.startsWith('/') ? rest : `/${rest}`, via: 'path' };
  }

  #hostRoutes(): HostRoutes<FunctionId> {
    if (this.#routes !== undefined) return this.#routes;
    const owned = new Map<string, string>();
    for (const host of this.#owners.hosts()) {
      const owner = this.#owners.owner(host);
      if (owner !== undefined && !isWithinDomain(host, this.#domain)) {
        owned.set(host, owner.namespace);
      }
    }
    const claims = [...this.#functions.values()].flatMap(({ namespace, routes }) =>
      routes.filter(({ host }) => owned.get(host) === namespace),
    );
    this.#routes = new HostRoutes(claims, owned.keys());
    this.#kin = kinOfHosts(owned, this.#domain);
    this.#ownAbove = ownHostsAbove(owned, this.#kin);
    return this.#routes;
  }

  #toEntry({ id, revision, record }: FunctionState): FunctionEntry | undefined {
    if (!isName(record.namespace) || !isName(record.name)) return undefined;
    const version = record.versions.find(({ number }) => number === liveVersion(record));
    const limits = version?.config?.limits;
    return {
      id: functionId(record.namespace, record.name),
      namespace: record.namespace,
      revision,
      timeoutMs: limits?.timeoutMs || TIMEOUT_MS_DEFAULT,
      requestBodyBytesMax: (limits?.requestBodyMb || REQUEST_BODY_MB_DEFAULT) * 1024 * 1024,
      regions: version?.config?.regions ?? [],
      routes: claimsOf(id, record, version?.config?.routes ?? []),
    };
  }
}

/** What is no host name (an address, say) is nobody's, whoever signed the record. */
const claimsOf = (
  id: FunctionId,
  record: FunctionRecord,
  routes: readonly { host: string; path: string }[],
): RouteClaim<FunctionId>[] =>
  routes
    // Once any case was taken, and lowered here.
    .map(({ host, path }) => ({ host: host.toLowerCase(), path: path || '/*' }))
    .filter(({ host }) => isHostName(host))
    .map(({ host, path }) => ({
      host,
      path,
      by: id,
      target: id,
      askedAtMs: firstAskedMs(record, host, path),
    }));

/** The heaviest target of `live`; its routes and limits speak for the function. */
function liveVersion(record: FunctionRecord): number {
  const targets = record.aliases.find(({ name }) => name === 'live')?.targets ?? [];
  let best: { version: number; weight: number } | undefined;
  for (const target of targets) {
    if (best === undefined || target.weight > best.weight) best = target;
  }
  return best?.version ?? record.lastVersion;
}

function firstAskedMs(record: FunctionRecord, host: string, path: string): number {
  let first = Number.MAX_SAFE_INTEGER;
  for (const version of record.versions) {
    const asks = version.config?.routes.some(
      (route) => route.host.toLowerCase() === host && (route.path || '/*') === path,
    );
    if (asks) first = Math.min(first, Number(version.createdAtMs));
  }
  return first;
}

/** Lower case, no port, no trailing dot, no brackets. Undefined when it is not a host. */
export function normaliseHost(header: string): string | undefined {
  let host = header;
  if (host.startsWith('[')) {
    const end = host.indexOf(']');
    if (end === -1) return undefined;
    host = host.slice(1, end);
    return /^[0-9a-fA-F:.]+$/.test(host) ? host.toLowerCase() : undefined;
  }
  const colon = host.indexOf(':');
  if (colon !== -1) {
    if (!/^:\d{0,5}$/.test(host.slice(colon))) return undefined;
    host = host.slice(0, colon);
  }
  if (host.endsWith('.')) host = host.slice(0, -1);
  return /^[A-Za-z0-9._-]{1,253}$/.test(host) ? host.toLowerCase() : undefined;
}
