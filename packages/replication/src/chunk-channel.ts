import { type Clock, type Logger, PopmeshError } from '@popmesh/contracts';
import { BoundedPool } from './bounded-pool.ts';
import type { ChunkExchange, ChunkSupply } from './chunk-exchange.ts';
import { CHUNK_WRITES_WAITING_MAX, SEED_CONCURRENCY } from './limits.ts';
import { fromNatsError } from './nats-errors.ts';
import type { PublishOutcome } from './record-writer.ts';
import { waitAtMost } from './wait-at-most.ts';

/**
 * Chunks to and from whatever connection there is. What cannot be written now
 * is not kept in memory: the next filling takes it from the supply.
 */

interface ChunkWrite {
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly settle: (outcome: PublishOutcome | PopmeshError) => void;
}

interface Connected {
  readonly exchange: ChunkExchange;
  readonly ended: AbortSignal;
}

export class ChunkChannel {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #publishWaitMs: number;
  readonly #stopping: AbortSignal;
  readonly #onTrouble: (problem?: string) => void;
  readonly #onFilled: () => void;
  readonly #onUnfilled: (problem: string) => void;
  readonly #writes: BoundedPool<ChunkWrite>;
  #connected: Connected | undefined;
  #supply: ChunkSupply | undefined;
  /** Chunks known to be missing in NATS; an estimate until the next filling. */
  #pending = 0;
  #fillWanted = true;
  #filling = false;

  constructor(options: {
    clock: Clock;
    logger: Logger;
    publishWaitMs: number;
    stopping: AbortSignal;
    /** Time to compare; a write failed when there is a problem. */
    onTrouble: (problem?: string) => void;
    /** All chunks in use are in the stream. */
    onFilled: () => void;
    onUnfilled: (problem: string) => void;
  }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#publishWaitMs = options.publishWaitMs;
    this.#stopping = options.stopping;
    this.#onTrouble = options.onTrouble;
    this.#onFilled = options.onFilled;
    this.#onUnfilled = options.onUnfilled;
    this.#writes = new BoundedPool(SEED_CONCURRENCY, CHUNK_WRITES_WAITING_MAX, (write) =>
      this.#write(write),
    );
  }

  get pending(): number {
    return this.#pending;
  }

  /** Throws `payload_too_large` for what NATS would never take. */
  async publish(digest: string, bytes: Uint8Array): Promise<PublishOutcome> {
    if (this.#connected === undefined || this.#stopping.aborted) return this.#later();
    const outcome = await waitAtMost<PublishOutcome | PopmeshError>(
      this.#clock,
      this.#publishWaitMs,
      this.#stopping,
      'pending',
      (settle) => {
        if (!this.#writes.offer({ digest, bytes, settle })) settle(this.#later());
        return () => {};
      },
    );
    if (outcome instanceof PopmeshError) throw outcome;
    return outcome;
  }

  async fetch(
    digest: string,
    options: { readonly signal: AbortSignal; readonly sizeBytesMax: number },
  ): Promise<Uint8Array | undefined> {
    options.signal.throwIfAborted();
    if (this.#connected === undefined) {
      throw new PopmeshError('unavailable', 'NATS is not connected');
    }
    try {
      return await this.#connected.exchange.read(digest, options.sizeBytesMax);
    } catch (caught) {
      throw fromNatsError(caught, 'reading a chunk');
    }
  }

  supplyFrom(supply: ChunkSupply): void {
    this.#supply = supply;
    this.#fillWanted = true;
    this.#fill();
  }

  /** `compare`: look what is missing even when nothing here says so. */
  resume(exchange: ChunkExchange, ended: AbortSignal, compare: boolean): void {
    this.#connected = { exchange, ended };
    if (compare) this.#fillWanted = true;
    this.#fill();
  }

  pause(): void {
    this.#connected = undefined;
  }

  #later(): 'pending' {
    this.#fillWanted = true;
    this.#pending++;
    return 'pending';
  }

  async #write({ digest, bytes, settle }: ChunkWrite): Promise<void> {
    try {
      if (this.#connected === undefined) throw new PopmeshError('unavailable', 'NATS is gone');
      await this.#connected.exchange.write(digest, bytes);
      settle('stored');
    } catch (caught) {
      const error = fromNatsError(caught, 'publish of a chunk');
      settle(error.code === 'payload_too_large' ? error : this.#later());
      if (error.code !== 'payload_too_large') this.#onTrouble(error.message);
    }
  }

  /** One at a time; what a failed one left is taken up at the next `resume`. */
  #fill(): void {
    const connected = this.#connected;
    if (!this.#fillWanted || this.#filling || connected === undefined) return;
    this.#fillWanted = false;
    this.#filling = true;
    this.#fillAndCollect(connected, this.#supply).finally(() => {
      this.#filling = false;
      // By now there may be another connection, which found this one in its way.
      if (this.#connected?.exchange !== connected.exchange) this.#fill();
    });
  }

  /** Never rejects. */
  async #fillAndCollect({ exchange, ended }: Connected, supply?: ChunkSupply): Promise<void> {
    try {
      const absent = await exchange.seed(supply ?? NOTHING, ended);
      if (!this.#fillWanted) this.#pending = absent;
      // More became missing meanwhile.
      else this.#onTrouble();
      this.#onFilled();
    } catch (caught) {
      this.#fillWanted = true;
      this.#complain('the chunk stream could not be filled yet', caught, ended);
      if (!ended.aborted) this.#onUnfilled(fromNatsError(caught, 'chunks').message);
      return;
    }
    // Who was not introduced to a supply does not know what is in use.
    if (supply === undefined) return;
    await exchange.collect(supply, ended).catch((caught: unknown) => {
      this.#complain('unused chunks could not be removed from JetStream yet', caught, ended);
    });
  }

  #complain(what: string, caught: unknown, ended: AbortSignal): void {
    if (ended.aborted) return;
    this.#logger.warn(what, { error: fromNatsError(caught, 'chunks').message });
  }
}

/** Until the room above introduces a supply, filling only makes sure of the stream. */
const NOTHING: ChunkSupply = { inUse: () => [], read: async () => undefined };
