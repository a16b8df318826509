import {
  type Clock,
  type Gauge,
  type Logger,
  type Metrics,
  type OpaqueRecord,
  PopmeshError,
} from '@popmesh/contracts';
import { isDurableKey } from '@popmesh/protocol';
import { WRITE_CONCURRENCY } from './limits.ts';
import { fromNatsError } from './nats-errors.ts';
import type { Outbox } from './outbox.ts';
import type { RegistrySync } from './registry-sync.ts';
import { waitAtMost } from './wait-at-most.ts';

export type PublishOutcome = 'stored' | 'pending';

/** Drives the outbox: writes what waits while there is a session, so many at once. */
export class RecordWriter {
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #publishWaitMs: number;
  readonly #stopping: AbortSignal;
  readonly #onTrouble: (problem: string) => void;
  readonly #onWritten: () => void;
  readonly #pendingGauge: Gauge;
  #sync: RegistrySync | undefined;
  #writing = 0;

  /** `onTrouble`: a write failed and writing pauses until `resume`. */
  constructor(options: {
    outbox: Outbox;
    clock: Clock;
    logger: Logger;
    metrics: Metrics;
    publishWaitMs: number;
    stopping: AbortSignal;
    onTrouble: (problem: string) => void;
    onWritten: () => void;
  }) {
    this.#outbox = options.outbox;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#publishWaitMs = options.publishWaitMs;
    this.#stopping = options.stopping;
    this.#onTrouble = options.onTrouble;
    this.#onWritten = options.onWritten;
    this.#pendingGauge = options.metrics.gauge(
      'popmesh_nats_pending_records',
      'Records waiting to be written to NATS',
    );
  }

  get pending(): number {
    return this.#outbox.size;
  }

  add(record: OpaqueRecord): void {
    this.#outbox.add(record);
    this.#pump();
  }

  async publish(record: OpaqueRecord): Promise<PublishOutcome> {
    if (!isDurableKey(record.key)) {
      throw new PopmeshError('invalid_argument', `${record.key} is not for the registry`);
    }
    const taken = this.#outbox.add(record);
    if (!taken || this.#sync === undefined || this.#stopping.aborted) return 'pending';
    return waitAtMost<PublishOutcome>(
      this.#clock,
      this.#publishWaitMs,
      this.#stopping,
      'pending',
      (resolve) => {
        const takeBack = this.#outbox.onWritten(record.key, () => resolve('stored'));
        this.#pump();
        return takeBack;
      },
    );
  }

  resume(sync: RegistrySync): void {
    this.#sync = sync;
    this.#pump();
  }

  pause(): void {
    this.#sync = undefined;
  }

  #pump(): void {
    this.#pendingGauge.set(this.#outbox.size);
    while (this.#sync !== undefined && this.#writing < WRITE_CONCURRENCY) {
      const record = this.#outbox.take();
      if (record === undefined) return;
      this.#writing++;
      void this.#write(this.#sync, record);
    }
  }

  async #write(sync: RegistrySync, record: OpaqueRecord): Promise<void> {
    try {
      await sync.write(record);
      this.#outbox.written(record);
      this.#onWritten();
    } catch (caught) {
      const error = fromNatsError(caught, 'publish');
      if (error.code === 'payload_too_large') {
        // Only this one is wrong: the others must not wait for it. The reconcile offers it again.
        this.#outbox.drop(record);
        this.#logger.error('NATS takes no record of this size', { key: record.key });
        return;
      }
      this.#outbox.failed(record);
      this.#logger.debug('a record could not be written to NATS yet', {
        key: record.key,
        error: error.message,
      });
      // The comparison finds out what is wrong (no stream, no leader) and resumes when it is not.
      if (this.#sync === sync) {
        this.pause();
        this.#onTrouble(error.message);
      }
    } finally {
      this.#writing--;
      this.#pump();
    }
  }
}
