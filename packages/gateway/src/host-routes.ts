/**
 * Custom hosts and paths of functions: exact host, longest path pattern wins.
 * `/path/*` means `/path` and everything under it; without a star, that path alone.
 * A claim by two functions goes to the older claim, so that a later deploy by
 * another tenant cannot take traffic away.
 */

export interface RouteClaim<T> {
  readonly host: string;
  readonly path: string;
  /** Smaller wins; ties by `owner`. */
  readonly claimedAtMs: number;
  readonly owner: string;
  readonly target: T;
}

interface Pattern<T> {
  readonly prefix: string;
  readonly exact: boolean;
  readonly claim: RouteClaim<T>;
}

export class HostRoutes<T> {
  readonly #hosts: ReadonlyMap<string, readonly Pattern<T>[]>;

  constructor(claims: Iterable<RouteClaim<T>>) {
    const hosts = new Map<string, Pattern<T>[]>();
    for (const claim of claims) {
      const host = claim.host.toLowerCase();
      const patterns = hosts.get(host) ?? [];
      patterns.push(toPattern(claim));
      hosts.set(host, patterns);
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

/** A prefix that ends in `/` also covers itself without the slash. */
const under = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) ||
  (prefix.endsWith('/') && path.length === prefix.length - 1 && prefix.startsWith(path));

function toPattern<T>(claim: RouteClaim<T>): Pattern<T> {
  const path = claim.path.startsWith('/') ? claim.path : `/${claim.path}`;
  const star = path.endsWith('*');
  return { prefix: star ? path.slice(0, -1) : path, exact: !star, claim };
}

/** Longest first, exact before prefix, then the older claim. */
const order = <T>(a: Pattern<T>, b: Pattern<T>): number =>
  b.prefix.length - a.prefix.length ||
  Number(b.exact) - Number(a.exact) ||
  a.claim.claimedAtMs - b.claim.claimedAtMs ||
  (a.claim.owner < b.claim.owner ? -1 : 1);
