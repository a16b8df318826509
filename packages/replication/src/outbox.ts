import { mergeRecord, type OpaqueRecord } from '@popmesh/contracts';
import { OUTBOX_RECORDS_MAX } from './limits.ts';

/**
 * Records waiting to be written, the newest for each key: an older revision
 * that nobody read yet need never be written. No I/O, no clock.
 */

interface Entry {
  record: OpaqueRecord;
  writing: boolean;
  readonly waiters: Set<() => void>;
}

export class Outbox {
  readonly #entries = new Map<string, Entry>();
  /** Keys that may be taken, in order of arrival. */
  readonly #ready = new Set<string>();
  #overflows = 0;

  /** False when full: the record is left to the reconcile. */
  add(record: OpaqueRecord): boolean {
    const entry = this.#entries.get(record.key);
    if (entry !== undefined) {
      if (mergeRecord(entry.record, record) === 'applied') entry.record = record;
      return true;
    }
    if (this.#entries.size >= OUTBOX_RECORDS_MAX) {
      this.#overflows++;
      return false;
    }
    this.#entries.set(record.key, { record, writing: false, waiters: new Set() });
    this.#ready.add(record.key);
    return true;
  }

  /** Calls back once what is pending for the key is written. The returned function takes it back. */
  onWritten(key: string, listener: () => void): () => void {
    const entry = this.#entries.get(key);
    entry?.waiters.add(listener);
    return () => entry?.waiters.delete(listener);
  }

  /** The next record to write; it must be followed by `written` or `failed`. */
  take(): OpaqueRecord | undefined {
    const key = this.#ready.values().next().value;
    if (key === undefined) return undefined;
    this.#ready.delete(key);
    const entry = this.#entries.get(key) as Entry;
    entry.writing = true;
    return entry.record;
  }

  written(record: OpaqueRecord): void {
    const entry = this.#entries.get(record.key);
    if (entry === undefined) return;
    if (entry.record !== record) {
      // A newer one came while this was under way.
      this.failed(record);
      return;
    }
    this.#entries.delete(record.key);
    for (const listener of entry.waiters) listener();
  }

  failed(record: OpaqueRecord): void {
    const entry = this.#entries.get(record.key);
    if (entry === undefined) return;
    entry.writing = false;
    this.#ready.add(record.key);
  }

  /** Given up until somebody adds it again; who waits learns nothing, and calls it pending. */
  drop(record: OpaqueRecord): void {
    if (this.#entries.get(record.key)?.record === record) this.#entries.delete(record.key);
    else this.failed(record);
  }

  get size(): number {
    return this.#entries.size;
  }

  get overflows(): number {
    return this.#overflows;
  }
}
