import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, PopmeshError } from '@popmesh/contracts';

/**
 * Who changed what, with which digest, from where: one JSON line each, fsynced
 * before the change is answered. Each line holds the hash of the line before, so
 * that a line that was altered or taken out shows (unless the end was cut off:
 * against that, ship the lines elsewhere). A line that the disk had no room for is
 * kept and comes before all later ones, and no change begins while one waits: else a full
 * disk would be the way to change things that no log tells of. Refused: the line before the
 * change, which would tell of changes that never were.
 */

export interface AuditEvent {
  readonly action:
    | 'start'
    | 'stop'
    | 'deploy'
    | 'rollback'
    | 'delete'
    | 'claim'
    | 'release'
    | 'quota'
    | 'conflict'
    | 'rolled_back';
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
export const FIRST_HASH = '0'.repeat(64);
const TAIL_BYTES = 64 * 1024;
const FIELD_LENGTH_MAX = 512;
/** Lines that wait for room: of changes that were under way, and of what the mesh tells. */
const WAITING_LINES_MAX = 1024;

interface Waiting {
  readonly timeMs: number;
  readonly event: AuditEvent;
}

export const hashOf = (line: Omit<AuditLine, 'hash'>): string =>
  createHash('sha256').update(JSON.stringify(line)).digest('hex');

export class AuditLog {
  readonly #directory: string;
  readonly #clock: Clock;
  #file: FileHandle;
  #bytes: number;
  #previous: string;
  /** A write began and did not end well: there may be bytes after `#bytes`. */
  #isTorn = false;
  /** Not on disk yet, oldest first. */
  readonly #waiting: Waiting[] = [];
  readonly #bytesMax: number;
  /** Appends follow one another: each line needs the hash of the one before. */
  #queue: Promise<void> = Promise.resolve();

  private constructor(
    directory: string,
    clock: Clock,
    file: FileHandle,
    bytes: number,
    previous: string,
    bytesMax: number,
  ) {
    this.#directory = directory;
    this.#clock = clock;
    this.#file = file;
    this.#bytes = bytes;
    this.#previous = previous;
    this.#bytesMax = bytesMax;
  }

  static async open(options: {
    readonly directory: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly bytesMax?: number;
  }): Promise<AuditLog> {
    const path = join(options.directory, AUDIT_FILE);
    const file = await open(path, 'a+', 0o600);
    const { wholeBytes, tornBytes, lastLine } = await tailOf(file);
    // A crash in the middle of a write leaves half a line; it was never acknowledged.
    if (tornBytes > 0) {
      options.logger.warn('audit log: cut a torn last line', { bytes: tornBytes });
      await file.truncate(wholeBytes);
    }
    const last = lastLine === '' ? await lastRotatedLine(options.directory) : lastLine;
    let previous = FIRST_HASH;
    if (last !== '') {
      try {
        previous = (JSON.parse(last) as AuditLine).hash;
      } catch {
        options.logger.error('audit log: the last line is unreadable, the chain starts anew');
      }
    }
    return new AuditLog(
      options.directory,
      options.clock,
      file,
      wholeBytes,
      previous,
      options.bytesMax ?? AUDIT_FILE_BYTES_MAX,
    );
  }

  /** Resolves when the line is on disk; throws `storage_failed`, and then writes it later. */
  append(event: AuditEvent): Promise<void> {
    const bounded = Object.fromEntries(
      Object.entries(event).map(([key, value]) => [key, String(value).slice(0, FIELD_LENGTH_MAX)]),
    ) as unknown as AuditEvent;
    if (this.#waiting.length >= WAITING_LINES_MAX) {
      return Promise.reject(storageFailed('Its line is lost: too many wait for room already.'));
    }
    this.#waiting.push({ timeMs: this.#clock.now(), event: bounded });
    return this.#inTurn(
      'The change was made. Free some space: its line is written before the next change.',
    );
  }

  /** Before a change: resolves when no line waits for room, and throws `storage_failed` while one does. */
  async mayChange(): Promise<void> {
    if (this.#waiting.length === 0) return;
    await this.#inTurn('Nothing was changed. Free some space in the data folder of this node.');
  }

  async close(): Promise<void> {
    await this.#inTurn('').catch(() => {});
    await this.#file.close();
  }

  #inTurn(hint: string): Promise<void> {
    const run = this.#queue.then(async () => {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        await this.#write(next, hint);
        this.#waiting.shift();
      }
    });
    this.#queue = run.catch(() => {});
    return run;
  }

  async #write({ timeMs, event }: Waiting, hint: string): Promise<void> {
    const line = { timeMs, ...event, previous: this.#previous };
    const hash = hashOf(line);
    const text = Buffer.from(`${JSON.stringify({ ...line, hash })}\n`);
    try {
      // Half a line of a full disk: the next would be written into it, and both be lost.
      if (this.#isTorn) await this.#file.truncate(this.#bytes);
      this.#isTorn = false;
      if (this.#bytes > 0 && this.#bytes + text.length > this.#bytesMax) await this.#rotate();
      this.#isTorn = true;
      await this.#file.appendFile(text);
      await this.#file.datasync();
      this.#isTorn = false;
    } catch (cause) {
      throw storageFailed(hint, cause);
    }
    this.#bytes += text.length;
    this.#previous = hash;
  }

  /** Ends with the new file open, or with the old one in its place as before. */
  async #rotate(): Promise<void> {
    const path = join(this.#directory, AUDIT_FILE);
    const aside = join(this.#directory, `audit-${this.#clock.now()}.log`);
    await rename(path, aside);
    let next: FileHandle;
    try {
      next = await open(path, 'a', 0o600);
    } catch (caught) {
      await rename(aside, path);
      throw caught;
    }
    await this.#file.close();
    this.#file = next;
    this.#bytes = 0;
  }
}

const storageFailed = (hint: string, cause?: unknown): PopmeshError =>
  new PopmeshError('storage_failed', 'the audit log cannot be written', { hint, cause });

/** The rotated ones, oldest first. */
export async function rotatedFiles(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).flatMap((name) => {
    const atMs = /^audit-(\d+)\.log$/.exec(name)?.[1];
    return atMs === undefined ? [] : [{ name, atMs: Number(atMs) }];
  });
  return names.sort((a, b) => a.atMs - b.atMs).map(({ name }) => join(directory, name));
}

interface Tail {
  /** Up to and with the last line break. */
  readonly wholeBytes: number;
  readonly tornBytes: number;
  /** Empty when there is none. */
  readonly lastLine: string;
}

async function tailOf(file: FileHandle): Promise<Tail> {
  const { size } = await file.stat();
  const from = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
  const tail = buffer.subarray(0, bytesRead);
  const whole = tail.lastIndexOf(0x0a) + 1;
  return {
    wholeBytes: from + whole,
    tornBytes: tail.length - whole,
    lastLine: tail.subarray(0, whole).toString('utf8').trimEnd().split('\n').at(-1) ?? '',
  };
}

/** Of the newest rotated file: a crash came between the rotation and the first line after it. */
async function lastRotatedLine(directory: string): Promise<string> {
  const newest = (await rotatedFiles(directory)).at(-1);
  if (newest === undefined) return '';
  const file = await open(newest, 'r');
  try {
    return (await tailOf(file)).lastLine;
  } finally {
    await file.close();
  }
}
