import {
  type Counter,
  compareBytes,
  type Logger,
  type Metrics,
  mergeRecord,
  type OpaqueRecord,
  PopmeshError,
  type RecordTable,
} from '@popmesh/contracts';
import { isDurableKey } from '@popmesh/protocol';
import { inParallel } from './bounded-pool.ts';
import type { KnownRecords } from './known-records.ts';
import { APPLY_CONCURRENCY, WRITE_ATTEMPTS_MAX } from './limits.ts';
import type { NatsNames } from './nats-names.ts';
import type { Outbox } from './outbox.ts';
import type { BucketEntry, RegistryBucket } from './registry-bucket.ts';

/**
 * Keeps the bucket and the record table equal, over one connection. What the
 * bucket has goes to the table, whose merge decides; what the table has newer
 * goes to the bucket by compare-and-set, so that an older revision never
 * replaces a newer one there, whoever else writes at the same time.
 */

/** The four operations that synchronising needs; a model of them stands in for property tests. */
export type SyncedBucket = Pick<RegistryBucket, 'ensure' | 'scan' | 'read' | 'write'>;

export interface RegistrySyncOptions {
  readonly bucket: SyncedBucket;
  readonly names: NatsNames;
  readonly table: RecordTable;
  /** Verifies; throws for what is not a record of this mesh. */
  readonly openEnvelope: (envelope: Uint8Array) => OpaqueRecord;
  readonly known: KnownRecords;
  readonly outbox: Outbox;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Rounds after which writers that never pause are left to the next reconcile. */
const SCAN_ROUNDS_MAX = 3;

export class RegistrySync {
  readonly #bucket: SyncedBucket;
  readonly #names: NatsNames;
  readonly #table: RecordTable;
  readonly #openEnvelope: (envelope: Uint8Array) => OpaqueRecord;
  readonly #known: KnownRecords;
  readonly #outbox: Outbox;
  readonly #logger: Logger;
  readonly #refused: Counter;
  readonly #conflicts: Counter;
  /** Something read could not be applied: what is known must not be believed next time. */
  #distrust = false;

  constructor(options: RegistrySyncOptions) {
    this.#bucket = options.bucket;
    this.#names = options.names;
    this.#table = options.table;
    this.#openEnvelope = options.openEnvelope;
    this.#known = options.known;
    this.#outbox = options.outbox;
    this.#logger = options.logger;
    this.#refused = options.metrics.counter(
      'popmesh_nats_records_refused_total',
      'Messages in the registry bucket that are no record of this mesh',
    );
    this.#conflicts = options.metrics.counter(
      'popmesh_nats_write_conflicts_total',
      'Compare-and-set writes that found another sequence',
    );
  }

  /** Reads what was missed, then queues what the bucket lacks. */
  async reconcile(distrust: boolean): Promise<void> {
    let doubt = distrust || this.#distrust;
    this.#distrust = false;
    for (let round = 0; round < SCAN_ROUNDS_MAX; round++) {
      const facts = await this.#bucket.ensure();
      const plan = this.#known.plan(facts, doubt);
      if (plan === undefined) break;
      doubt = false;
      this.#known.begin(plan);
      await this.#bucket.scan(plan, (batch) =>
        inParallel(batch, APPLY_CONCURRENCY, (entry) => this.#absorb(entry)),
      );
      this.#known.finish(facts);
    }
    for (const record of this.#table.list('')) {
      if (isDurableKey(record.key) && !this.#known.holds(record)) this.#outbox.add(record);
    }
  }

  /** What the watch brought. Nothing is learned about the bucket from it: it may have refused this. */
  async apply(subject: string, envelope: Uint8Array): Promise<void> {
    const key = this.#names.recordKey(subject);
    const record = this.#open(key, envelope);
    if (record !== undefined) await this.#applyToTable(record);
  }

  /** Resolves when the bucket has this record or a newer one. Rejects when NATS does not let it. */
  async write(offered: OpaqueRecord): Promise<void> {
    const { key } = offered;
    for (let attempt = 0; attempt < WRITE_ATTEMPTS_MAX; attempt++) {
      const record = newer(this.#table.get(key), offered);
      if (this.#known.holds(record)) return;
      const expected = this.#known.sequenceOf(key);
      const written = await this.#bucket.write(key, record.envelope, expected);
      if (written !== undefined) {
        this.#known.wrote(written, record);
        return;
      }
      this.#conflicts.add();
      const entry = await this.#bucket.read(key);
      if (entry === undefined) this.#known.forget(key);
      else await this.#absorb(entry);
    }
    throw new PopmeshError('conflict', `others keep writing ${key}`);
  }

  async #absorb(entry: BucketEntry): Promise<void> {
    const key = this.#names.recordKey(entry.subject);
    const record = entry.envelope && this.#open(key, entry.envelope);
    if (record === undefined) {
      this.#known.sawForeign(key ?? entry.subject, entry.sequence);
      return;
    }
    await this.#applyToTable(record);
    this.#known.saw(entry.sequence, record);
  }

  /** The record held, when it is the same, without the cost of a signature. */
  #open(key: string | undefined, envelope: Uint8Array): OpaqueRecord | undefined {
    if (key === undefined || !isDurableKey(key)) return undefined;
    const held = this.#table.get(key);
    if (held !== undefined && compareBytes(held.envelope, envelope) === 0) return held;
    try {
      const record = this.#openEnvelope(envelope);
      if (record.key === key) return record;
      throw new PopmeshError('peer_misbehaved', `a record of ${record.key} lies under ${key}`);
    } catch (caught) {
      this.#refused.add();
      this.#logger.warn('NATS holds something that is no record of this mesh', {
        key,
        error: PopmeshError.from(caught).message,
      });
      return undefined;
    }
  }

  async #applyToTable(record: OpaqueRecord): Promise<void> {
    // An older one is for the table, too: it may hold what the newer did not know of.
    if (this.#table.get(record.key) === record) return;
    try {
      await this.#table.apply(record, 'jetstream');
    } catch (caught) {
      this.#distrust = true;
      this.#logger.warn('a record from NATS could not be applied', {
        key: record.key,
        error: PopmeshError.from(caught).message,
      });
    }
  }
}

const newer = (held: OpaqueRecord | undefined, offered: OpaqueRecord): OpaqueRecord =>
  held !== undefined && mergeRecord(held, offered) !== 'applied' ? held : offered;
