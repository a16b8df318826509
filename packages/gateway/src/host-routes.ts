import type { Kin } from './site.ts';

/**
 * Custom hosts and paths of functions: exact host, longest path pattern wins.
 * `/path/*` means `/path` and everything under it; without a star, that path alone.
 * Paths are compared within one namespace only: a host is its owner's as a whole
 * (host-ownership.ts in protocol). Refused: the longest path of whoever asks, which
 * let a tenant take `/login` from another one's host.
 */

export interface RouteClaim<T> {
  readonly host: string;
  readonly path: string;
  /** Between two functions of the namespace that ask for the same: smaller wins, ties by `by`. */
  readonly askedAtMs: number;
  readonly by: string;
  readonly target: T;
}

interface Pattern<T> {
  readonly prefix: string;
  readonly exact: boolean;
  readonly claim: RouteClaim<T>;
}

export class HostRoutes<T> {
  readonly #hosts: ReadonlyMap<string, readonly Pattern<T>[]>;

  /** `owned`: hosts that are somebody's even if nothing is routed there now. */
  constructor(claims: Iterable<RouteClaim<T>>, owned: Iterable<string> = []) {
    const hosts = new Map<string, Pattern<T>[]>();
    for (const host of owned) hosts.set(host, []);
    for (const claim of claims) {
      const patterns = hosts.get(claim.host) ?? [];
      patterns.push(toPattern(claim));
      hosts.set(claim.host, patterns);
    }
    for (const patterns of hosts.values()) patterns.sort(order);
    this.#hosts = hosts;
  }

  get size(): number {
    return this.#hosts.size;
  }

  hasHost(host: string): boolean {
    return this.#hosts.has(host);
  }

  /** `path` starts with `/` and has no query. */
  find(host: string, path: string): T | undefined {
    for (const pattern of this.#hosts.get(host) ?? []) {
      if (pattern.exact ? path === pattern.prefix : under(path, pattern.prefix)) {
        return pattern.claim.target;
      }
    }
    return undefined;
  }
}

/**
 * Hosts that are above or beneath one of another namespace; all others are left out. Under
 * the mesh's own `domain` is everybody. `owned`: host to namespace.
 */
export function kinOfHosts(owned: ReadonlyMap<string, string>, domain: string): Map<string, Kin> {
  const kin = new Map<string, Kin>();
  for (const [host, namespace] of owned) {
    for (const above of hostsAbove(host)) {
      const owner = owned.get(above);
      if (owner === undefined || owner === namespace) continue;
      kin.set(above, 'beneath');
      if (!kin.has(host)) kin.set(host, 'above');
    }
  }
  for (const above of hostsAbove(domain)) if (owned.has(above)) kin.set(above, 'beneath');
  return kin;
}

/**
 * Host to the hosts above it that its namespace has as well, and beneath which nobody else has
 * one: what two hosts of one owner share, such as the cookie of a common login, may go there.
 */
export function ownHostsAbove(
  owned: ReadonlyMap<string, string>,
  kin: ReadonlyMap<string, Kin>,
): Map<string, ReadonlySet<string>> {
  const own = new Map<string, ReadonlySet<string>>();
  for (const [host, namespace] of owned) {
    const above = [...hostsAbove(host)].filter(
      (one) => owned.get(one) === namespace && kin.get(one) !== 'beneath',
    );
    if (above.length > 0) own.set(host, new Set(above));
  }
  return own;
}

function* hostsAbove(host: string): Generator<string> {
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    yield host.slice(dot + 1);
  }
}

/** A prefix that ends in `/` also covers itself without the slash. */
const under = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) ||
  (prefix.endsWith('/') && path.length === prefix.length - 1 && prefix.startsWith(path));

function toPattern<T>(claim: RouteClaim<T>): Pattern<T> {
  const path = claim.path.startsWith('/') ? claim.path : `/${claim.path}`;
  const star = path.endsWith('*');
  return { prefix: star ? path.slice(0, -1) : path, exact: !star, claim };
}

/** Longest first, exact before prefix, then who asked first. */
const order = <T>(a: Pattern<T>, b: Pattern<T>): number =>
  b.prefix.length - a.prefix.length ||
  Number(b.exact) - Number(a.exact) ||
  a.claim.askedAtMs - b.claim.askedAtMs ||
  (a.claim.by < b.claim.by ? -1 : 1);
