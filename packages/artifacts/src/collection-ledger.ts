/**
 * Decides what is garbage, without doing anything about it. A chunk is garbage
 * when it has been seen unused for the whole grace period; being touched starts
 * the period anew. Refused: file times, which jump with the wall clock.
 */
export class CollectionLedger {
  readonly #graceMs: number;
  /** Digest → monotonic time at which it was first seen unused. At most one entry per held chunk. */
  readonly #unusedSince = new Map<string, number>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  touch(digest: string): void {
    this.#unusedSince.delete(digest);
  }

  /** Returns what to delete now. */
  collect(held: Iterable<string>, inUse: ReadonlySet<string>, nowMs: number): string[] {
    const garbage: string[] = [];
    for (const digest of held) {
      if (inUse.has(digest)) {
        this.#unusedSince.delete(digest);
        continue;
      }
      const since = this.#unusedSince.get(digest) ?? nowMs;
      this.#unusedSince.set(digest, since);
      if (nowMs - since >= this.#graceMs) garbage.push(digest);
    }
    return garbage;
  }

  /** Whether it is still garbage: nothing touched it since `collect` said so. */
  isGarbage(digest: string, nowMs: number): boolean {
    const since = this.#unusedSince.get(digest);
    return since !== undefined && nowMs - since >= this.#graceMs;
  }
}
