import { hash } from 'node:crypto';
import {
  type Counter,
  isDigest,
  type Logger,
  type Metrics,
  PopmeshError,
  type Random,
  shuffled,
} from '@popmesh/contracts';
import { inParallel } from './bounded-pool.ts';
import type { ChunkCollector } from './chunk-collector.ts';
import type { ChunkStream } from './chunk-stream.ts';
import { SEED_BATCH_CHUNKS, SEED_CONCURRENCY } from './limits.ts';

/**
 * Chunks in and out over one connection: verified when read, healed when found
 * wrong, and the whole stream filled again from this node when it was emptied.
 */

/** Supplied by the room above, which knows the registry and the store. */
export interface ChunkSupply {
  /** Digests that some kept version of some function needs. */
  inUse(): Iterable<string> | Promise<Iterable<string>>;
  /** Verified bytes; undefined for what is not on this node. */
  read(digest: string): Promise<Uint8Array | undefined>;
}

export class ChunkExchange {
  readonly #stream: ChunkStream;
  readonly #collector: ChunkCollector;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #healed: Counter;
  readonly #seeded: Counter;
  #filledStream: string | undefined;

  constructor(options: {
    stream: ChunkStream;
    collector: ChunkCollector;
    random: Random;
    logger: Logger;
    metrics: Metrics;
  }) {
    this.#stream = options.stream;
    this.#collector = options.collector;
    this.#random = options.random;
    this.#logger = options.logger;
    this.#healed = options.metrics.counter(
      'popmesh_nats_chunks_removed_total',
      'Chunks removed from JetStream because their bytes were wrong',
    );
    this.#seeded = options.metrics.counter(
      'popmesh_nats_chunks_seeded_total',
      'Chunks written to JetStream because it lacked them',
    );
  }

  write(digest: string, bytes: Uint8Array): Promise<void> {
    this.#collector.touch(digest);
    return this.#stream.write(digest, bytes);
  }

  /** Takes out what nothing names any more. */
  collect(supply: ChunkSupply, signal: AbortSignal): Promise<void> {
    return this.#collector.pass(supply, signal);
  }

  /** Wrong bytes are removed, so that a node which has the chunk writes it again. */
  async read(digest: string, sizeBytesMax: number): Promise<Uint8Array | undefined> {
    if (!isDigest(digest)) throw new PopmeshError('invalid_argument', 'a chunk name is no digest');
    const { bytes } = (await this.#stream.read(digest)) ?? {};
    if (bytes === undefined) return undefined;
    if (hash('sha256', bytes, 'hex') === digest) {
      if (bytes.length <= sizeBytesMax) return bytes;
      throw new PopmeshError('peer_misbehaved', `chunk ${digest} is larger than was declared`);
    }
    this.#healed.add();
    this.#logger.error('JetStream holds wrong bytes for a chunk; removed', { digest });
    await this.#stream.remove(digest);
    return undefined;
  }

  /**
   * Whether the stream is another one than was filled last: an operator, or a server that lost
   * its disk, has taken the old one away under a connection that stayed.
   */
  async wasReplaced(): Promise<boolean> {
    return (await this.#stream.ensure()) !== this.#filledStream;
  }

  /** Returns how many chunks in use are missing there and not on this node either. */
  async seed(supply: ChunkSupply, signal: AbortSignal): Promise<number> {
    const stream = await this.#stream.ensure();
    // Shuffled, because after a wipe every node does this at the same moment.
    const todo = shuffled(this.#random, await this.#missing(supply));
    let absent = 0;
    for (let at = 0; at < todo.length; at += SEED_BATCH_CHUNKS) {
      // Asked again for each batch: what other nodes wrote meanwhile need not be sent.
      const there = at === 0 ? new Set<string>() : await this.#stream.list();
      const batch = todo.slice(at, at + SEED_BATCH_CHUNKS).filter((digest) => !there.has(digest));
      await inParallel(batch, SEED_CONCURRENCY, async (digest) => {
        signal.throwIfAborted();
        const bytes = await supply.read(digest);
        if (bytes === undefined) {
          absent++;
          return;
        }
        await this.#stream.write(digest, bytes);
        this.#seeded.add();
      });
    }
    this.#filledStream = stream;
    return absent;
  }

  async #missing(supply: ChunkSupply): Promise<string[]> {
    const there = await this.#stream.list();
    const missing = new Set<string>();
    for (const digest of await supply.inUse()) if (!there.has(digest)) missing.add(digest);
    return [...missing];
  }
}
