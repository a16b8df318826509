import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, PopmeshError } from '@popmesh/contracts';

/**
 * Who changed what, with which digest, from where: one JSON line each, fsynced
 * before the change is answered. Each line holds the hash of the line before, so
 * that a line that was altered or taken out shows (unless the end was cut off:
 * against that, ship the lines elsewhere).
 */

export interface AuditEvent {
  readonly action: 'start' | 'stop' | 'deploy' | 'rollback' | 'delete' | 'claim' | 'release';
  /** `sub` of the token, or what stands in its place. */
  readonly who: string;
  readonly tokenId?: string;
  readonly what: string;
  readonly digest?: string;
  readonly revision?: string;
  /** Address of the caller's socket. */
  readonly from: string;
}

export interface AuditLine extends AuditEvent {
  readonly timeMs: number;
  readonly previous: string;
  readonly hash: string;
}

export const AUDIT_FILE = 'audit.log';
/** A full file is renamed to `audit-<unix ms>.log`; the chain goes on in the next. */
export const AUDIT_FILE_BYTES_MAX = 64 * 1024 * 1024;
const FIRST_HASH = '0'.repeat(64);
const TAIL_BYTES = 64 * 1024;
const FIELD_LENGTH_MAX = 512;

const hashOf = (line: Omit<AuditLine, 'hash'>): string =>
  createHash('sha256').update(JSON.stringify(line)).digest('hex');

export class AuditLog {
  readonly #directory: string;
  readonly #clock: Clock;
  #file: FileHandle;
  #bytes: number;
  #previous: string;
  /** Appends follow one another: each line needs the hash of the one before. */
  #queue: Promise<void> = Promise.resolve();

  private constructor(
    directory: string,
    clock: Clock,
    file: FileHandle,
    bytes: number,
    previous: string,
  ) {
    this.#directory = directory;
    this.#clock = clock;
    this.#file = file;
    this.#bytes = bytes;
    this.#previous = previous;
  }

  static async open(options: {
    readonly directory: string;
    readonly clock: Clock;
    readonly logger: Logger;
  }): Promise<AuditLog> {
    const path = join(options.directory, AUDIT_FILE);
    const file = await open(path, 'a+', 0o600);
    const { size } = await file.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    const tail = buffer.subarray(0, bytesRead);
    // A crash in the middle of a write leaves half a line; it was never acknowledged.
    const whole = tail.lastIndexOf(0x0a) + 1;
    if (whole < tail.length) {
      options.logger.warn('audit log: cut a torn last line', { bytes: tail.length - whole });
      await truncate(path, from + whole);
    }
    const last = tail.subarray(0, whole).toString('utf8').trimEnd().split('\n').at(-1) ?? '';
    let previous = FIRST_HASH;
    if (last !== '') {
      try {
        previous = (JSON.parse(last) as AuditLine).hash;
      } catch {
        options.logger.error('audit log: the last line is unreadable, the chain starts anew');
      }
    }
    return new AuditLog(options.directory, options.clock, file, from + whole, previous);
  }

  /** Resolves when the line is on disk; throws `storage_failed`. */
  append(event: AuditEvent): Promise<void> {
    const run = this.#queue.then(() => this.#write(event));
    this.#queue = run.catch(() => {});
    return run;
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#file.close();
  }

  async #write(event: AuditEvent): Promise<void> {
    const bounded = Object.fromEntries(
      Object.entries(event).map(([key, value]) => [key, String(value).slice(0, FIELD_LENGTH_MAX)]),
    ) as unknown as AuditEvent;
    const line = { timeMs: this.#clock.now(), ...bounded, previous: this.#previous };
    const hash = hashOf(line);
    const text = `${JSON.stringify({ ...line, hash })}\n`;
    try {
      if (this.#bytes + text.length > AUDIT_FILE_BYTES_MAX) await this.#rotate();
      await this.#file.write(text);
      await this.#file.datasync();
    } catch (cause) {
      throw new PopmeshError('storage_failed', 'the audit log cannot be written', { cause });
    }
    this.#bytes += Buffer.byteLength(text);
    this.#previous = hash;
  }

  async #rotate(): Promise<void> {
    const path = join(this.#directory, AUDIT_FILE);
    await this.#file.close();
    await rename(path, join(this.#directory, `audit-${this.#clock.now()}.log`));
    this.#file = await open(path, 'a', 0o600);
    this.#bytes = 0;
  }
}

/** 1-based number of the first line that does not fit the chain; undefined when all do. */
export async function firstBrokenLine(path: string): Promise<number | undefined> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  let previous: string | undefined;
  for (const [index, text] of lines.entries()) {
    try {
      const { hash, ...line } = JSON.parse(text) as AuditLine;
      if (hash !== hashOf(line) || line.previous !== (previous ?? line.previous)) return index + 1;
      previous = hash;
    } catch {
      return index + 1;
    }
  }
  return undefined;
}
