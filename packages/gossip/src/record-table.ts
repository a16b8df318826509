import {
  compareBytes,
  type Logger,
  type MergeOutcome,
  mergeRecord,
  type OpaqueRecord,
  PopmeshError,
  type RecordOrigin,
  type RecordResolver,
  type RecordTable,
  revisionTimeMs,
} from '@popmesh/contracts';
import { isDurableKey } from '@popmesh/protocol';
import { BucketDigests } from './bucket-digests.ts';
import { FORGOTTEN_KEYS_MAX } from './limits.ts';
import { Listeners } from './listeners.ts';
import type { RecordPersistence, StoredRecord } from './persistence.ts';

/**
 * The one place where records are applied, whichever way they came. A durable
 * record becomes visible when it is on disk and not before, so that nobody can
 * see a revision that a crash would take back.
 */

export interface RecordTableOptions {
  readonly persistence: Pick<RecordPersistence, 'append' | 'remove'>;
  readonly openEnvelope: (envelope: Uint8Array) => OpaqueRecord;
  /** Of the mesh: a member whose own clock is wrong would refuse what all others take. */
  readonly time: { now(): number };
  readonly logger: Logger;
  readonly revisionAheadMaxMs: number;
  readonly recordsMax: number;
  /** Joins what would lose something by the plain rule; members that sign nothing have none. */
  readonly resolver?: RecordResolver | undefined;
}

export class GossipRecordTable implements RecordTable {
  readonly digests = new BucketDigests();
  readonly #options: RecordTableOptions;
  readonly #records = new Map<string, OpaqueRecord>();
  /** On the way to the disk, the highest of each key. */
  readonly #pending = new Map<string, { record: OpaqueRecord; stored: Promise<void> }>();
  /** Dropped on purpose; up to this revision they may not come back. */
  readonly #forgotten = new Map<string, bigint>();
  readonly #listeners: Listeners<[record: OpaqueRecord, origin: RecordOrigin]>;
  #sortedKeys: string[] | undefined;

  constructor(options: RecordTableOptions) {
    this.#options = options;
    this.#listeners = new Listeners('the record table', options.logger);
  }

  get size(): number {
    return this.#records.size;
  }

  get(key: string): OpaqueRecord | undefined {
    return this.#records.get(key);
  }

  list(prefix: string): OpaqueRecord[] {
    this.#sortedKeys ??= [...this.#records.keys()].sort();
    const keys = this.#sortedKeys;
    const found: OpaqueRecord[] = [];
    for (let i = firstAtOrAfter(keys, prefix); keys[i]?.startsWith(prefix); i++) {
      const record = this.#records.get(keys[i] as string);
      if (record !== undefined) found.push(record);
    }
    return found;
  }

  onApplied(listener: (record: OpaqueRecord, origin: RecordOrigin) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Takes over what the disk had; no clock check, no listener. Returns the keys it cannot read. */
  load(stored: readonly StoredRecord[]): string[] {
    const unreadable: string[] = [];
    for (const { key, revision, envelope } of stored) {
      try {
        const record = this.#options.openEnvelope(envelope);
        if (record.key !== key || record.revision !== revision) throw new Error('not its own');
        if (mergeRecord(this.#records.get(key), record) === 'applied') this.#set(record);
      } catch (error) {
        unreadable.push(key);
        this.#options.logger.warn('a stored record was skipped', { key, error: String(error) });
      }
    }
    return unreadable;
  }

  /** Whether opening and applying this would change nothing: a cheap look before the signature. */
  isKnown(key: string, revision: bigint, envelope: Uint8Array): boolean {
    if (revision <= (this.#forgotten.get(key) ?? -1n)) return true;
    const held = this.#records.get(key);
    if (held === undefined || held.revision < revision) return false;
    // An older one may have what the newer did not know of.
    if (this.#resolverFor(key) !== undefined) return compareBytes(held.envelope, envelope) === 0;
    return held.revision > revision || compareBytes(held.envelope, envelope) === 0;
  }

  isForgotten(key: string, revision: bigint): boolean {
    return revision <= (this.#forgotten.get(key) ?? -1n);
  }

  async apply(record: OpaqueRecord, origin: RecordOrigin): Promise<MergeOutcome> {
    const { key, revision } = record;
    const resolver = this.#resolverFor(key);
    if (resolver !== undefined) return this.#applyOrJoin(record, origin, resolver);
    const pending = this.#pending.get(key);
    const outcome = mergeRecord(pending?.record ?? this.#records.get(key), record);
    if (outcome !== 'applied') {
      // The one that it equals, or lost to, may not be on disk yet.
      await pending?.stored;
      return outcome;
    }
    if (this.isForgotten(key, revision)) return 'stale';
    this.#refuse(record);
    return this.#store(record, origin);
  }

  /**
   * One write of a key at a time, each against what is visible. Where two records are joined,
   * what is stored, shown and spread is the one made of both, a change of this member's own.
   */
  async #applyOrJoin(
    record: OpaqueRecord,
    origin: RecordOrigin,
    resolver: RecordResolver,
  ): Promise<MergeOutcome> {
    const { key, revision } = record;
    let pending = this.#pending.get(key);
    // A change of our own was built on what was visible, and not on what came in between.
    const isOutdated = origin === 'local' && pending !== undefined;
    for (; pending !== undefined; pending = this.#pending.get(key)) {
      await pending.stored.catch(() => {});
    }
    if (isOutdated || this.isForgotten(key, revision)) return 'stale';
    const held = this.#records.get(key);
    const outcome = mergeRecord(held, record);
    if (outcome === 'equal') return outcome;
    if (held !== undefined && origin !== 'local') {
      this.#refuse(record);
      const both = resolver.resolve(held, record);
      if (both !== undefined) return this.#store(both, 'local');
    }
    if (outcome !== 'applied') return outcome;
    this.#refuse(record);
    return this.#store(record, origin);
  }

  async #store(record: OpaqueRecord, origin: RecordOrigin): Promise<MergeOutcome> {
    const { key } = record;
    if (isDurableKey(key)) {
      const stored = this.#options.persistence.append(record);
      this.#pending.set(key, { record, stored });
      try {
        await stored;
      } finally {
        if (this.#pending.get(key)?.record === record) this.#pending.delete(key);
      }
      // A higher one may have become visible while this one waited.
      const late = mergeRecord(this.#records.get(key), record);
      if (late !== 'applied') return late;
    }
    this.#set(record);
    this.#listeners.tell(record, origin);
    return 'applied';
  }

  #resolverFor(key: string): RecordResolver | undefined {
    const { resolver } = this.#options;
    return resolver?.owns(key) === true ? resolver : undefined;
  }

  /**
   * Drops a key for good: up to `revision` it is refused from now on, so that a
   * peer that still has it does not bring it back. For announcements of the dead
   * and for tombstones that are old enough.
   */
  async forget(key: string, revision: bigint): Promise<void> {
    const held = this.#records.get(key);
    if (held !== undefined && held.revision > revision) return;
    this.#forgotten.delete(key);
    this.#forgotten.set(key, revision);
    for (const oldest of this.#forgotten.keys()) {
      if (this.#forgotten.size <= FORGOTTEN_KEYS_MAX) break;
      this.#forgotten.delete(oldest);
    }
    if (held === undefined) return;
    this.#records.delete(key);
    this.#sortedKeys = undefined;
    this.digests.replace(held, undefined);
    if (isDurableKey(key)) await this.#options.persistence.remove(key, revision);
  }

  /**
   * Takes an own announcement back that the others did not take, so that one with
   * a lower revision can follow.
   */
  withdraw(key: string): void {
    const held = this.#records.get(key);
    if (held === undefined || isDurableKey(key)) return;
    this.#records.delete(key);
    this.#sortedKeys = undefined;
    this.digests.replace(held, undefined);
  }

  #refuse({ key, revision }: OpaqueRecord): void {
    const aheadMs = revisionTimeMs(revision) - this.#options.time.now();
    if (aheadMs > this.#options.revisionAheadMaxMs) {
      throw new PopmeshError('peer_misbehaved', `${key} is ${aheadMs} ms in the future`, {
        hint: 'Set the clocks of all members: they differ by more than the limit.',
        details: { limit: 'revision_ahead_ms', max: this.#options.revisionAheadMaxMs },
      });
    }
    if (!this.#records.has(key) && this.#records.size >= this.#options.recordsMax) {
      throw new PopmeshError('overloaded', 'the record table is full', {
        details: { limit: 'records', max: this.#options.recordsMax },
      });
    }
  }

  #set(record: OpaqueRecord): void {
    const held = this.#records.get(record.key);
    if (held === undefined) this.#sortedKeys = undefined;
    this.#records.set(record.key, record);
    this.digests.replace(held, record);
  }
}

function firstAtOrAfter(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
