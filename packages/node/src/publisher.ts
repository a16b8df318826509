import type { ChunkStorage } from '@popmesh/artifacts';
import type { Clock, Logger, OpaqueRecord } from '@popmesh/contracts';
import type { Replication } from '@popmesh/replication';

/**
 * Hands a deploy to JetStream, chunks before the record that names them, and
 * waits for it only so long: the deploy is durable here and spreads by gossip
 * already, so a slow or absent NATS turns the answer to `pending`, never to an
 * error. What is pending is retried by replication.
 */

export const PUBLISH_WAIT_MS = 2000;
const CHUNKS_AT_ONCE = 8;

export type JetStreamState = 'stored' | 'pending' | 'disabled';

/** Of several records that belong together. */
export const leastStored = (states: readonly JetStreamState[]): JetStreamState =>
  states.find((state) => state === 'pending') ?? states[0] ?? 'disabled';

export interface PublisherOptions {
  readonly replication: Pick<Replication, 'publishChunk' | 'publishRecord' | 'status'> | undefined;
  readonly store: Pick<ChunkStorage, 'get'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Publisher {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  async publish(record: OpaqueRecord, digests: readonly string[]): Promise<JetStreamState> {
    const { replication, clock, logger } = this.#options;
    if (replication === undefined) return 'disabled';
    // Not connected is known at once; the writes below are then queued, and nobody waits for them.
    const { connected } = replication.status();
    const waited = new AbortController();
    const late = clock
      .sleep(PUBLISH_WAIT_MS, waited.signal)
      .then(() => 'pending' as const)
      .catch(() => 'pending' as const);
    const published = this.#publish(replication, record, digests).catch((error) => {
      logger.warn('JetStream does not have this yet', { key: record.key, error });
      return 'pending' as const;
    });
    const state = connected ? await Promise.race([published, late]) : 'pending';
    waited.abort();
    return state;
  }

  async #publish(
    replication: NonNullable<PublisherOptions['replication']>,
    record: OpaqueRecord,
    digests: readonly string[],
  ): Promise<'stored' | 'pending'> {
    const queue = [...new Set(digests)];
    let stored = true;
    const worker = async (): Promise<void> => {
      for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
        const bytes = await this.#options.store.get(digest);
        if (bytes === undefined) continue;
        if ((await replication.publishChunk(digest, bytes)) !== 'stored') stored = false;
      }
    };
    await Promise.all(Array.from({ length: CHUNKS_AT_ONCE }, worker));
    const state = await replication.publishRecord(record);
    return stored ? state : 'pending';
  }
}
