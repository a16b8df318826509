import { xxh3 } from '@node-rs/xxhash';
import type { OpaqueRecord } from '@popmesh/contracts';

/**
 * 256 digests over the whole table, kept up to date with each change: two tables
 * are compared with 3 KB instead of a list. XOR of the records' hashes, because
 * it needs no order and undoes itself; xxh3 is for telling apart, never for trust.
 */

export const BUCKETS = 256;

export const bucketOf = (key: string): number => Number(xxh3.xxh64(key) & 0xffn);

export class BucketDigests {
  readonly #hashes = new BigUint64Array(BUCKETS);
  readonly #keys: Set<string>[] = Array.from({ length: BUCKETS }, () => new Set());

  replace(held: OpaqueRecord | undefined, next: OpaqueRecord | undefined): void {
    const key = (held ?? next)?.key;
    if (key === undefined) return;
    const bucket = bucketOf(key);
    let hash = this.#hashes[bucket] ?? 0n;
    if (held !== undefined) hash ^= xxh3.xxh64(held.envelope);
    if (next !== undefined) hash ^= xxh3.xxh64(next.envelope);
    this.#hashes[bucket] = hash;
    if (next === undefined) this.#keys[bucket]?.delete(key);
    else this.#keys[bucket]?.add(key);
  }

  hash(bucket: number): bigint {
    return this.#hashes[bucket] ?? 0n;
  }

  keys(bucket: number): ReadonlySet<string> {
    return this.#keys[bucket] ?? new Set();
  }

  /** Buckets that are not the same in both. */
  differing(theirs: readonly { bucket: number; hash: bigint }[]): number[] {
    const others = new BigUint64Array(BUCKETS);
    for (const { bucket, hash } of theirs) if (bucket < BUCKETS) others[bucket] = hash;
    const differing: number[] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (others[bucket] !== this.#hashes[bucket]) differing.push(bucket);
    }
    return differing;
  }
}
