import { type FunctionId, isHostName, isName } from '@popmesh/contracts';
import type { HostClaim, VersionRecord } from './generated/popmesh/v1/registry_pb.js';
import { hostKey } from './keys.ts';

/**
 * Whose a custom host is. One pure rule over claims, the same for nodes and
 * gateways, so that all that hold the same records agree, in whatever order those
 * came. Refused: one record per host, in which the merge would have to know what
 * a claim is, and the newer of two claims would win.
 */

export interface Claim {
  readonly namespace: string;
  readonly claimedAtMs: number;
}

/** The oldest; at the same millisecond the smaller namespace. Released claims are none. */
export function ownerOf<T extends Claim>(claims: Iterable<T>): T | undefined {
  let owner: T | undefined;
  for (const claim of claims) {
    if (owner === undefined || isBefore(claim, owner)) owner = claim;
  }
  return owner;
}

const isBefore = (a: Claim, b: Claim): boolean =>
  a.claimedAtMs === b.claimedAtMs ? a.namespace < b.namespace : a.claimedAtMs < b.claimedAtMs;

/** A record may be signed by a node of ours and still be nonsense: it must name what its key says. */
export const isClaimOf = ({ host, namespace }: HostClaim, key: string): boolean =>
  isName(namespace) && isHostName(host) && hostKey(host, namespace) === key;

/** Of a function's record, what counts here. */
export interface Asking {
  readonly deleted: boolean;
  readonly versions: readonly VersionRecord[];
}

/**
 * Versions from before there were claims ask for their hosts by standing in a
 * record, since the day they were made. Later ones (which name the revision that
 * accepted them) do so by a claim alone, or a released host would come back.
 */
export function hostsBeforeClaims(record: Asking): Map<string, number> {
  const hosts = new Map<string, number>();
  for (const { acceptedRevision, createdAtMs, config } of record.deleted ? [] : record.versions) {
    if (acceptedRevision !== 0n) continue;
    for (const route of config?.routes ?? []) {
      // Once any case was taken, and lowered at the gateway.
      const host = route.host.toLowerCase();
      if (!isHostName(host)) continue;
      const atMs = Number(createdAtMs);
      hosts.set(host, Math.min(atMs, hosts.get(host) ?? atMs));
    }
  }
  return hosts;
}

interface Held {
  /** By namespace: a claim that was made, also one that was released. */
  readonly made: Map<string, { readonly claimedAtMs: number; readonly released: boolean }>;
  /** By function: what stands in a record from before claims. */
  readonly standing: Map<FunctionId, number>;
}

const namespaceOf = (fn: FunctionId): string => fn.slice(0, fn.indexOf('/'));

/** The rule over all records of a table, kept up as they change. Memory is that of the records. */
export class HostOwners {
  readonly #hosts = new Map<string, Held>();
  readonly #standingOf = new Map<FunctionId, ReadonlyMap<string, number>>();
  /** Every host that a namespace has anything to do with. */
  readonly #hostsOf = new Map<string, Set<string>>();

  /** A claim record in the state that the table holds now. */
  setClaim({ host, namespace, claimedAtMs, released }: HostClaim): void {
    const held = this.#held(host, namespace);
    held.made.set(namespace, { claimedAtMs: Number(claimedAtMs), released });
  }

  /** The table let a released claim go. */
  dropClaim(host: string, namespace: string): void {
    this.#hosts.get(host)?.made.delete(namespace);
    this.#dropEmpty(host, namespace);
  }

  /** A function record in the state that the table holds now. Answers whether hosts may have changed. */
  setFunction(fn: FunctionId, record: Asking): boolean {
    const before = this.#standingOf.get(fn);
    const hosts = hostsBeforeClaims(record);
    if (before === undefined && hosts.size === 0) return false;
    const namespace = namespaceOf(fn);
    for (const [host, atMs] of hosts) this.#held(host, namespace).standing.set(fn, atMs);
    if (hosts.size === 0) this.#standingOf.delete(fn);
    else this.#standingOf.set(fn, hosts);
    for (const host of before?.keys() ?? []) {
      if (hosts.has(host)) continue;
      this.#hosts.get(host)?.standing.delete(fn);
      this.#dropEmpty(host, namespace);
    }
    return true;
  }

  owner(host: string): Claim | undefined {
    return ownerOf(this.claimsOf(host));
  }

  /** One per namespace, without the released. */
  claimsOf(host: string): Claim[] {
    const held = this.#hosts.get(host);
    if (held === undefined) return [];
    const found = new Map<string, number>();
    for (const [namespace, { claimedAtMs, released }] of held.made) {
      if (!released) found.set(namespace, claimedAtMs);
    }
    for (const [fn, atMs] of held.standing) {
      const namespace = namespaceOf(fn);
      // What was claimed or released since counts instead.
      if (held.made.has(namespace)) continue;
      found.set(namespace, Math.min(atMs, found.get(namespace) ?? atMs));
    }
    return [...found].map(([namespace, claimedAtMs]) => ({ namespace, claimedAtMs }));
  }

  /** Whether a version from before claims would ask for the host if its release were forgotten. */
  isStanding(host: string, namespace: string): boolean {
    const standing = this.#hosts.get(host)?.standing.keys() ?? [];
    for (const fn of standing) if (namespaceOf(fn) === namespace) return true;
    return false;
  }

  /** Hosts that versions of the function from before claims ask for. */
  standingOf(fn: FunctionId): Iterable<string> {
    return this.#standingOf.get(fn)?.keys() ?? [];
  }

  hosts(): Iterable<string> {
    return this.#hosts.keys();
  }

  /** What a namespace claims, also what an older claim of another one keeps from it. */
  claimsBy(namespace: string): { readonly host: string; readonly claimedAtMs: number }[] {
    return this.#ownHosts(namespace).flatMap((host) =>
      this.claimsOf(host)
        .filter((claim) => claim.namespace === namespace)
        .map(({ claimedAtMs }) => ({ host, claimedAtMs })),
    );
  }

  /** How many releases of a namespace are still remembered. */
  releasesBy(namespace: string): number {
    return this.#ownHosts(namespace).filter(
      (host) => this.#hosts.get(host)?.made.get(namespace)?.released,
    ).length;
  }

  #ownHosts(namespace: string): string[] {
    return [...(this.#hostsOf.get(namespace) ?? [])];
  }

  #held(host: string, namespace: string): Held {
    const own = this.#hostsOf.get(namespace);
    if (own === undefined) this.#hostsOf.set(namespace, new Set([host]));
    else own.add(host);
    let held = this.#hosts.get(host);
    if (held === undefined) {
      held = { made: new Map(), standing: new Map() };
      this.#hosts.set(host, held);
    }
    return held;
  }

  #dropEmpty(host: string, namespace: string): void {
    const held = this.#hosts.get(host);
    if (held?.made.size === 0 && held.standing.size === 0) this.#hosts.delete(host);
    if (held?.made.has(namespace) || this.isStanding(host, namespace)) return;
    const own = this.#hostsOf.get(namespace);
    own?.delete(host);
    if (own?.size === 0) this.#hostsOf.delete(namespace);
  }
}
