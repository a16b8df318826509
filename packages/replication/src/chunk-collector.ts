import { hash } from 'node:crypto';
import {
  type Clock,
  type Counter,
  type Logger,
  type Metrics,
  type OpaqueRecord,
  type Random,
  type RecordTable,
  shuffled,
} from '@popmesh/contracts';
import { FUNCTION_PREFIX, FunctionRecordSchema, fromBinary } from '@popmesh/protocol';
import { inParallel } from './bounded-pool.ts';
import type { ChunkSupply } from './chunk-exchange.ts';
import type { ChunkStream, StoredChunk } from './chunk-stream.ts';
import { COLLECT_BATCH_CHUNKS, COLLECT_CHUNKS_MAX, SEED_CONCURRENCY } from './limits.ts';

/**
 * Takes out of the stream what no record has named for a grace period. Every node
 * does it, by what it saw over one connection: who comes second finds it gone.
 * Refused: an elected node, since then one wrong view of the registry is enough and
 * no other disagrees any sooner; the age of messages, because the engine's chunks
 * are older than any function that uses them.
 *
 * Nobody can ask all others whether they are about to name a chunk. So a batch goes
 * only after the registry was compared with the bucket, its bytes are held until it
 * was compared once more, and what was named in between is put back. A record that
 * comes to the bucket later still belongs to a node that has the chunks, whose next
 * filling finds them missing.
 */

/** The four operations that collecting needs; a model of them stands in for tests of races. */
export type CollectedStream = Pick<ChunkStream, 'list' | 'read' | 'remove' | 'write'>;

export interface ChunkCollectorOptions {
  readonly stream: CollectedStream;
  readonly table: Pick<RecordTable, 'list'>;
  /** Resolves when the table has what the bucket has now. */
  readonly compare: () => Promise<void>;
  readonly graceMs: number;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class ChunkCollector {
  readonly #options: ChunkCollectorOptions;
  readonly #collected: Counter;
  /** Digest → when it was first seen unused. At most one entry per chunk in the stream. */
  #unusedSince = new Map<string, number>();
  readonly #readable = new WeakSet<OpaqueRecord>();

  constructor(options: ChunkCollectorOptions) {
    this.#options = options;
    this.#collected = options.metrics.counter(
      'popmesh_nats_chunks_collected_total',
      'Chunks removed from JetStream because no record named them any more',
    );
  }

  /** Somebody here relies on it: its grace period begins anew. */
  touch(digest: string): void {
    this.#unusedSince.delete(digest);
  }

  /** Bounded; what is left is for the next pass. Rejects when NATS does not let it. */
  async pass(supply: ChunkSupply, signal: AbortSignal): Promise<void> {
    const { stream, random, logger } = this.#options;
    this.#look(await stream.list(), new Set(await supply.inUse()));
    const overdue = [...this.#unusedSince.keys()].filter((digest) => this.#isOverdue(digest));
    if (overdue.length === 0) return;
    if (!this.#mayJudge()) {
      logger.debug('unused chunks stay in JetStream: this node does not know every function');
      return;
    }
    // Shuffled, because other nodes do the same.
    const todo = shuffled(random, overdue).slice(0, COLLECT_CHUNKS_MAX);
    let removed = 0;
    for (let at = 0; at < todo.length; at += COLLECT_BATCH_CHUNKS) {
      signal.throwIfAborted();
      removed += await this.#collect(todo.slice(at, at + COLLECT_BATCH_CHUNKS), supply);
    }
    if (removed > 0) logger.info('unused chunks removed from JetStream', { chunks: removed });
  }

  async #collect(batch: readonly string[], supply: ChunkSupply): Promise<number> {
    const { stream, compare, logger } = this.#options;
    await compare();
    const before = new Set(await supply.inUse());
    if (!this.#mayJudge()) return 0;
    const taken = new Map<string, Uint8Array>();
    let removed = 0;
    await inParallel(batch, SEED_CONCURRENCY, async (digest) => {
      if (before.has(digest)) return;
      const stored = await stream.read(digest);
      // Another node was first, or somebody wrote it since this pass began.
      if (stored === undefined || this.#isFresh(stored) || !this.#isOverdue(digest)) return;
      this.#unusedSince.delete(digest);
      await stream.remove(digest);
      removed++;
      this.#collected.add();
      if (hash('sha256', stored.bytes, 'hex') === digest) taken.set(digest, stored.bytes);
    });
    await compare();
    const named = [...(await supply.inUse())].filter((digest) => taken.has(digest));
    await inParallel(named, SEED_CONCURRENCY, async (digest) => {
      await stream.write(digest, taken.get(digest) as Uint8Array);
      logger.info('a chunk was named while it was removed from JetStream, and is back', { digest });
    });
    return removed - named.length;
  }

  #look(there: ReadonlySet<string>, inUse: ReadonlySet<string>): void {
    const nowMs = this.#options.clock.monotonic();
    const before = this.#unusedSince;
    this.#unusedSince = new Map(
      [...there]
        .filter((digest) => !inUse.has(digest))
        .map((digest) => [digest, before.get(digest) ?? nowMs]),
    );
  }

  #isOverdue(digest: string): boolean {
    const { clock, graceMs } = this.#options;
    const sinceMs = this.#unusedSince.get(digest);
    return sinceMs !== undefined && clock.monotonic() - sinceMs >= graceMs;
  }

  /** Written within the grace period. Clocks may differ: this only ever keeps a chunk for longer. */
  #isFresh({ writtenAtMs }: StoredChunk): boolean {
    return this.#options.clock.now() - writtenAtMs < this.#options.graceMs;
  }

  /** Who holds no function may be new here; who cannot read one does not know what it names. */
  #mayJudge(): boolean {
    const records = this.#options.table.list(FUNCTION_PREFIX);
    return records.length > 0 && records.every((record) => this.#isReadable(record));
  }

  #isReadable(record: OpaqueRecord): boolean {
    if (this.#readable.has(record)) return true;
    try {
      fromBinary(FunctionRecordSchema, record.payload);
    } catch {
      return false;
    }
    this.#readable.add(record);
    return true;
  }
}
