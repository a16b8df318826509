/**
 * Where chunks are kept, as the fetcher sees it. Two implementations pass the
 * same suite (`chunk-storage-contract.test-support.ts`): disk and memory.
 */
export interface ChunkStorage {
  /**
   * Returns the digest once the bytes are durable. Putting what is there costs
   * no write, and keeps it from being collected for another grace period.
   * Throws `payload_too_large` above the chunk bound, `storage_failed` when full.
   */
  put(bytes: Uint8Array): Promise<string>;
  /** Verified bytes; undefined when absent, and when they no longer match (then quarantined). */
  get(digest: string): Promise<Uint8Array | undefined>;
  has(digest: string): boolean;
  /** As `has`, and what is there is kept from being collected for another grace period. */
  keep(digest: string): boolean;
  /** In order of digest. */
  list(): string[];
  delete(digest: string): Promise<void>;
  /**
   * Garbage collection: deletes what has been outside `inUse` for the grace
   * period, seen over repeated calls, and returns the deleted digests. The
   * period is measured by the monotonic clock: a jump of the wall clock deletes nothing.
   */
  retain(inUse: Iterable<string>): Promise<string[]>;
  readonly sizeBytes: number;
}
