import {
  type Clock,
  type Counter,
  type Gauge,
  type Logger,
  type Metrics,
  noMetrics,
  type OpaqueRecord,
  PopmeshError,
  type Random,
  type RecordTable,
  type Startable,
  silentLogger,
  type Timer,
  untilAborted,
} from '@popmesh/contracts';
import { isDurableKey } from '@popmesh/protocol';
import type { NatsConnection } from 'nats';
import { z } from 'zod';
import { BoundedPool } from './bounded-pool.ts';
import { ChunkChannel } from './chunk-channel.ts';
import { ChunkCollector } from './chunk-collector.ts';
import { ChunkExchange, type ChunkSupply } from './chunk-exchange.ts';
import { ChunkStream } from './chunk-stream.ts';
import { type ReplicationConfig, replicationConfigSchema } from './config.ts';
import { Health } from './health.ts';
import { KnownRecords } from './known-records.ts';
import {
  APPLY_CONCURRENCY,
  CHUNK_CHECK_EVERY,
  FULL_SCAN_EVERY,
  MARK_LOOKS,
  WATCH_QUEUE_MAX,
} from './limits.ts';
import { Backoff, checkBeforeDialling, closeConnection, dial } from './nats-connection.ts';
import { fromNatsError } from './nats-errors.ts';
import { type NatsNames, natsNames } from './nats-names.ts';
import { Outbox } from './outbox.ts';
import { type PublishOutcome, RecordWriter } from './record-writer.ts';
import { RegistryBucket } from './registry-bucket.ts';
import { RegistrySync } from './registry-sync.ts';
import { Wakeable } from './wakeable.ts';

/**
 * The driver: owns the connection, the timers and what is under way. Every
 * connection begins with a comparison of everything and repeats it for ever;
 * watch and outbox only make things faster in between, so losing any message
 * of theirs costs time and never a record.
 */

export interface ReplicationOptions {
  readonly config: z.input<typeof replicationConfigSchema>;
  readonly table: RecordTable;
  readonly openEnvelope: (envelope: Uint8Array) => OpaqueRecord;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** `status().problem` came, or went. */
  readonly onProblemChanged?: () => void;
}

export interface ReplicationStatus {
  /** Connected, bucket and stream there, and the first comparison done. */
  readonly connected: boolean;
  /** Of the server, while there is a connection. */
  readonly version: string | undefined;
  /** Records and chunks known to be missing in NATS. */
  readonly pending: number;
  /** What keeps JetStream from being the second copy, in a sentence; undefined while nothing does. */
  readonly problem: string | undefined;
}

export interface Replication extends Startable {
  status(): ReplicationStatus;
  /** Waits at most `publishWaitMs`; `pending` is retried until it is stored. */
  publishRecord(record: OpaqueRecord): Promise<PublishOutcome>;
  /** `pending` is written later from the supply given to `reseed`; the bytes are not kept. */
  publishChunk(digest: string, bytes: Uint8Array): Promise<PublishOutcome>;
  /** Shaped like the source that `artifacts` asks. */
  readonly chunkSource: {
    readonly id: string;
    fetch(
      digest: string,
      options: { readonly signal: AbortSignal; readonly sizeBytesMax: number },
    ): Promise<Uint8Array | undefined>;
  };
  /** Introduces who can fill an emptied chunk stream again. */
  reseed(supply: ChunkSupply): void;
  /** Compares with NATS now instead of at the next interval; resolves when done, rejects without NATS. */
  reconcileNow(): Promise<void>;
}

export function createReplication(options: ReplicationOptions): Replication {
  const config = replicationConfigSchema.safeParse(options.config);
  if (!config.success) {
    throw new PopmeshError('invalid_config', `nats: ${z.prettifyError(config.error)}`);
  }
  return new NatsReplication(options, config.data);
}

const NOT_COMPARED = 'NATS: what it holds was not compared yet';

/** What lives as long as one connection. */
interface Session {
  readonly sync: RegistrySync;
  readonly exchange: ChunkExchange;
  readonly ended: AbortSignal;
}

class NatsReplication implements Replication {
  readonly chunkSource: Replication['chunkSource'];
  readonly #config: ReplicationConfig;
  readonly #options: ReplicationOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #names: NatsNames;
  readonly #health: Health;
  readonly #outbox = new Outbox();
  readonly #backoff: Backoff;
  readonly #writeBackoff: Backoff;
  #troubleTimer: Timer | undefined;
  #looksForMark = 0;
  readonly #stopping = new AbortController();
  readonly #writer: RecordWriter;
  readonly #chunks: ChunkChannel;
  readonly #rest: Wakeable;
  readonly #dropped: Counter;
  readonly #connectedGauge: Gauge;
  #running: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #unsubscribe: (() => void) | undefined;
  #connection: NatsConnection | undefined;
  /** After a comparison that succeeded, until something fails. */
  #usable = false;
  #waitingForReconcile: ((error?: unknown) => void)[] = [];

  constructor(options: ReplicationOptions, config: ReplicationConfig) {
    this.#options = options;
    this.#config = config;
    this.#clock = options.clock;
    this.#logger = options.logger ?? silentLogger;
    this.#metrics = options.metrics ?? noMetrics;
    this.#names = natsNames(config.prefix);
    this.#health = new Health(this.#logger, options.onProblemChanged ?? (() => {}));
    this.#backoff = new Backoff(config.backoffMinMs, config.backoffMaxMs, options.random);
    this.#writeBackoff = new Backoff(config.backoffMinMs, config.backoffMaxMs, options.random);
    this.#rest = new Wakeable(options.clock);
    const shared = {
      clock: this.#clock,
      logger: this.#logger,
      metrics: this.#metrics,
      publishWaitMs: config.publishWaitMs,
      stopping: this.#stopping.signal,
    };
    this.#writer = new RecordWriter({
      ...shared,
      outbox: this.#outbox,
      onWritten: () => {
        this.#writeBackoff.reset();
        this.#health.works('records');
      },
      onTrouble: (problem) => {
        this.#health.failed('records', problem);
        this.#compareSoon();
      },
    });
    this.#chunks = new ChunkChannel({
      ...shared,
      onFilled: () => this.#health.works('chunks'),
      onUnfilled: (problem) => this.#health.failed('chunks', problem),
      onTrouble: (problem) => {
        if (problem !== undefined) this.#health.failed('chunks', problem);
        this.#compareSoon();
      },
    });
    this.#dropped = this.#metrics.counter(
      'popmesh_nats_watch_dropped_total',
      'Messages of the watch left to the reconcile because the queue was full',
    );
    this.#connectedGauge = this.#metrics.gauge('popmesh_nats_connected', '1 while NATS is usable');
    this.chunkSource = {
      id: 'jetstream',
      fetch: (digest, how) => this.#chunks.fetch(digest, how),
    };
  }

  /** Resolves at once: NATS may come later, or never. Throws `invalid_config` for a missing file. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running !== undefined || this.#stopping.signal.aborted) return;
    await checkBeforeDialling(this.#config, this.#logger);
    if (this.#running !== undefined || this.#stopping.signal.aborted) return;
    this.#unsubscribe = this.#options.table.onApplied((record, origin) => {
      if (origin === 'local' && isDurableKey(record.key)) this.#writer.add(record);
    });
    this.#running = this.#run(this.#stopping.signal).catch((caught) => {
      if (this.#stopping.signal.aborted) return;
      this.#logger.error('replication ended by a bug', { error: String(caught) });
    });
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      this.#unsubscribe?.();
      this.#troubleTimer?.cancel();
      this.#stopping.abort(new PopmeshError('cancelled', 'replication stops'));
      await this.#running;
    })();
    return this.#stopped;
  }

  status(): ReplicationStatus {
    // Another node may have written what we could not: then nothing waits for it any more.
    if (this.#writer.pending === 0) this.#health.works('records');
    return {
      connected: this.#usable,
      version: this.#connection?.info?.version,
      pending: this.#writer.pending + this.#chunks.pending,
      problem: this.#health.problem ?? (this.#usable ? undefined : NOT_COMPARED),
    };
  }

  publishRecord(record: OpaqueRecord): Promise<PublishOutcome> {
    return this.#writer.publish(record);
  }

  publishChunk(digest: string, bytes: Uint8Array): Promise<PublishOutcome> {
    return this.#chunks.publish(digest, bytes);
  }

  reseed(supply: ChunkSupply): void {
    this.#chunks.supplyFrom(supply);
  }

  reconcileNow(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#connection === undefined) {
        reject(new PopmeshError('unavailable', 'NATS is not connected'));
        return;
      }
      this.#waitingForReconcile.push((error) =>
        error === undefined ? resolve() : reject(fromNatsError(error, 'reconcile')),
      );
      this.#rest.wake();
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    const dialling = {
      config: this.#config,
      clock: this.#clock,
      logger: this.#logger,
      backoff: this.#backoff,
      onFailed: (reason: string) => this.#health.failed('connection', reason),
    };
    while (!signal.aborted) {
      const connection = await dial(dialling, signal);
      this.#connection = connection;
      this.#health.works('connection');
      try {
        await this.#serve(connection, signal);
      } catch (caught) {
        // The client refuses whatever is asked of a connection that ended before we looked at it.
        const { message } = fromNatsError(caught, 'open');
        if (!signal.aborted) this.#health.failed('connection', message);
        this.#logger.warn('a connection to NATS was of no use', { error: message });
      } finally {
        await closeConnection(connection, this.#clock);
      }
      await this.#clock.sleep(this.#backoff.next(), signal);
    }
  }

  /** Until the connection ends or `signal` aborts. */
  async #serve(connection: NatsConnection, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const end = (): void => ended.abort(new PopmeshError('unavailable', 'the connection ended'));
    connection.closed().then(end, end);
    signal.addEventListener('abort', end, { once: true });
    const version = connection.info?.version;
    this.#logger.info('connected to NATS', { version });
    try {
      const session = await this.#open(connection, ended.signal);
      for (let round = 0; !ended.signal.aborted; round++) {
        await this.#rest.sleep(await this.#reconcile(session, round), ended.signal);
      }
    } finally {
      signal.removeEventListener('abort', end);
      end();
      // First, so that nobody joins those whose wait is ended below.
      this.#connection = undefined;
      this.#pause(ended.signal.reason);
      if (!signal.aborted) this.#logger.warn('the connection to NATS ended', { version });
    }
  }

  async #open(connection: NatsConnection, ended: AbortSignal): Promise<Session> {
    // Without asking for the account: JetStream may have no leader yet, and that is waited for.
    const manager = await connection.jetstreamManager({
      timeout: this.#config.requestTimeoutMs,
      checkAPI: false,
    });
    const bucket = new RegistryBucket(connection, manager, this.#names, this.#config);
    const shared = { logger: this.#logger, metrics: this.#metrics };
    const sync = new RegistrySync({
      ...shared,
      bucket,
      names: this.#names,
      table: this.#options.table,
      openEnvelope: this.#options.openEnvelope,
      // Of this connection only: the server behind the next may hold something else.
      known: new KnownRecords(),
      outbox: this.#outbox,
    });
    const stream = new ChunkStream(connection, manager, this.#names, this.#config);
    const { table, random } = this.#options;
    const collector = new ChunkCollector({
      ...shared,
      stream,
      table,
      compare: () => this.reconcileNow(),
      graceMs: this.#config.chunkCollectGraceMs,
      clock: this.#clock,
      random,
    });
    const exchange = new ChunkExchange({ ...shared, stream, collector, random });
    const watched = new BoundedPool<readonly [subject: string, envelope: Uint8Array]>(
      APPLY_CONCURRENCY,
      WATCH_QUEUE_MAX,
      ([subject, envelope]) => sync.apply(subject, envelope),
    );
    bucket.watch(
      (subject, envelope) => {
        // A deletion mark: somebody used the `nats` tool. The reconcile puts the record back.
        if (envelope === undefined) this.#lookForMark();
        else if (!watched.offer([subject, envelope])) this.#dropped.add();
      },
      (error) => this.#logger.error('the registry watch is refused', { error: error.message }),
    );
    return { sync, exchange, ended };
  }

  /** Returns how long to rest before the next. */
  async #reconcile({ sync, exchange, ended }: Session, round: number): Promise<number> {
    const waiting = this.#waitingForReconcile.splice(0);
    let compareChunks = round % CHUNK_CHECK_EVERY === 0;
    try {
      // A server that hangs must not hold up a stop; what is left behind ends by its own deadline.
      await untilAborted(sync.reconcile(round % FULL_SCAN_EVERY === 0), ended);
      compareChunks ||= await untilAborted(exchange.wasReplaced(), ended);
    } catch (caught) {
      if (!ended.aborted) {
        this.#logger.warn('NATS could not be compared; trying again', {
          error: fromNatsError(caught, 'reconcile').message,
        });
      }
      if (!ended.aborted)
        this.#health.failed('comparison', fromNatsError(caught, 'reconcile').message);
      for (const settle of waiting) settle(caught);
      this.#pause(caught);
      return this.#backoff.next();
    }
    this.#backoff.reset();
    if (this.#looksForMark > 0) {
      this.#looksForMark--;
      this.#compareSoon();
    }
    this.#health.works('comparison');
    this.#setUsable(true);
    this.#connectedGauge.set(1);
    this.#writer.resume(sync);
    this.#chunks.resume(exchange, ended, compareChunks);
    for (const settle of waiting) settle();
    return this.#config.reconcileIntervalMs * (0.8 + 0.4 * this.#options.random.float());
  }

  /** The watch hears of a mark before the stream has stored it, so one look may come too early. */
  #lookForMark(): void {
    this.#looksForMark = MARK_LOOKS;
    this.#rest.wake();
  }

  /** After a pause that grows, so that a server which refuses writes is not asked in a tight loop. */
  #compareSoon(): void {
    if (this.#troubleTimer !== undefined || this.#stopping.signal.aborted) return;
    this.#troubleTimer = this.#clock.setTimer(this.#writeBackoff.next(), () => {
      this.#troubleTimer = undefined;
      this.#rest.wake();
    });
  }

  /** What was not compared yet is a problem, too: whoever was told of it hears when it is over. */
  #setUsable(usable: boolean): void {
    if (this.#usable === usable) return;
    this.#usable = usable;
    this.#options.onProblemChanged?.();
  }

  #pause(reason: unknown): void {
    this.#setUsable(false);
    this.#connectedGauge.set(0);
    this.#writer.pause();
    this.#chunks.pause();
    for (const settle of this.#waitingForReconcile.splice(0)) settle(reason);
  }
}
