import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import { readFileOrNothing, syncDirectory, writeFileAtomically } from './atomic-file.ts';
import { COMMIT_QUEUE_BYTES_MAX, LOG_BYTES_BEFORE_SNAPSHOT } from './limits.ts';
import { isNewer, type StoredRecord } from './persistence.ts';
import { decodeFrames, encodeFrame } from './record-frames.ts';

/**
 * Append-only log and snapshot of the durable records. Appends that arrive while
 * an fsync runs share the next one (group commit). The log keeps its own map of
 * what it holds, so that folding it into a snapshot needs nobody else and cannot
 * miss an append. Refused: SQLite, whose journal would do the same with a
 * dependency and a thread.
 */

interface Waiting {
  readonly record: StoredRecord;
  readonly frame: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface RecordLogFiles {
  readonly log: string;
  readonly snapshot: string;
}

export class RecordLog {
  readonly #files: RecordLogFiles;
  readonly #held = new Map<string, StoredRecord>();
  #handle: FileHandle | undefined;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #writer: Promise<void> | undefined;
  #opening: Promise<unknown> | undefined;
  #logBytes = 0;
  #snapshotBytes = 0;
  /** After a failed write nobody knows what the file holds; it is rewritten before the next. */
  #suspect = false;
  #closed = false;

  constructor(files: RecordLogFiles) {
    this.#files = files;
  }

  /** Returns the newest of each key, and how many bytes were damaged. */
  open(): Promise<{ records: StoredRecord[]; damagedBytes: number }> {
    const opened = this.#open();
    this.#opening = opened.catch(() => {});
    return opened;
  }

  async #open(): Promise<{ records: StoredRecord[]; damagedBytes: number }> {
    if (this.#closed) throw new PopmeshError('unavailable', 'the record store is closed');
    const snapshot = await readFileOrNothing(this.#files.snapshot);
    const log = await readFileOrNothing(this.#files.log);
    let damagedBytes = 0;
    for (const bytes of [snapshot, log]) {
      const frames = decodeFrames(bytes);
      damagedBytes += frames.damagedBytes;
      for (const record of frames.records) this.#hold(record);
    }
    this.#logBytes = log.length;
    this.#snapshotBytes = snapshot.length;
    this.#handle = await open(this.#files.log, 'a', 0o600);
    await syncDirectory(dirname(this.#files.log));
    // A torn tail must not stay in front of what is appended next.
    this.#suspect = damagedBytes > 0;
    return { records: [...this.#held.values()], damagedBytes };
  }

  /** A record without an envelope removes its key. */
  append(record: StoredRecord): Promise<void> {
    if (this.#closed || this.#handle === undefined) {
      return Promise.reject(new PopmeshError('unavailable', 'the record store is closed'));
    }
    const frame = encodeFrame(record);
    if (this.#queuedBytes + frame.length > COMMIT_QUEUE_BYTES_MAX) {
      return Promise.reject(
        new PopmeshError('overloaded', 'too many records wait for the disk', {
          details: { limit: 'commit_queue_bytes', max: COMMIT_QUEUE_BYTES_MAX },
        }),
      );
    }
    this.#queuedBytes += frame.length;
    return new Promise((resolve, reject) => {
      this.#queue.push({ record, frame, resolve, reject });
      this.#writer ??= this.#write();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#opening;
    await this.#writer;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #write(): Promise<void> {
    // One turn later, so that appends made together are written together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      this.#queuedBytes = 0;
      try {
        await this.#commit(batch.map((waiting) => waiting.frame));
        for (const { record } of batch) this.#hold(record);
        for (const { resolve } of batch) resolve();
        await this.#foldWhenLarge();
      } catch (cause) {
        this.#suspect = true;
        const error = new PopmeshError('storage_failed', 'the record log cannot be written', {
          hint: 'Check the free space and the permissions of the data folder.',
          cause,
        });
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writer = undefined;
  }

  async #commit(frames: readonly Buffer[]): Promise<void> {
    if (this.#suspect) await this.#fold();
    const handle = this.#handle;
    if (handle === undefined) throw new Error('closed');
    const bytes = Buffer.concat(frames);
    await handle.appendFile(bytes);
    await handle.datasync();
    this.#logBytes += bytes.length;
  }

  async #foldWhenLarge(): Promise<void> {
    if (this.#logBytes < Math.max(LOG_BYTES_BEFORE_SNAPSHOT, this.#snapshotBytes)) return;
    // The batch is safe already; a fold that fails is tried again with the next one.
    await this.#fold().catch(() => {
      this.#suspect = true;
    });
  }

  /** Snapshot first, then an empty log: dying in between only repeats what the snapshot has. */
  async #fold(): Promise<void> {
    const snapshot = Buffer.concat([...this.#held.values()].map(encodeFrame));
    await writeFileAtomically(this.#files.snapshot, snapshot);
    await this.#handle?.truncate(0);
    await this.#handle?.datasync();
    this.#snapshotBytes = snapshot.length;
    this.#logBytes = 0;
    this.#suspect = false;
  }

  #hold(record: StoredRecord): void {
    const held = this.#held.get(record.key);
    if (record.envelope.length === 0) {
      if (held !== undefined && held.revision <= record.revision) this.#held.delete(record.key);
    } else if (held === undefined || isNewer(record, held)) {
      this.#held.set(record.key, record);
    }
  }
}
