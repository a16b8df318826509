import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger, Timer } from '@popmesh/contracts';
import type { UsageRow } from './executor/control.ts';
import { addUsage, emptyUsage } from './executor/usage.ts';

/**
 * What functions used, on disk: one file per minute, one JSON line per function and version,
 * for an exporter to take away. Rows of one minute add up: a node that was restarted appends
 * to the file of its minute. Written and fsynced once a minute and on stop, so a kill loses
 * at most a minute. Refused: a write per report, a hundred times the disk's work for figures
 * that are summed up anyway.
 */

export interface UsageLine extends UsageRow {
  /** Its beginning, Unix milliseconds. */
  readonly minuteMs: number;
  readonly node: string;
  readonly pop: string;
  readonly region: string;
}

export interface UsageJournalOptions {
  readonly directory: string;
  readonly place: { readonly node: string; readonly pop: string; readonly region: string };
  /** The oldest go first. */
  readonly filesMax: number;
  readonly rowsMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A report was not counted, because there is no room for its row. */
  readonly onDropped?: () => void;
}

const MINUTE_MS = 60_000;
const SUFFIX = '.ndjson';
/** Rows in memory while the disk refuses them; further functions are then not counted. */
export const USAGE_ROWS_MAX = 100_000;

export class UsageJournal {
  readonly #options: UsageJournalOptions;
  #rows = new Map<string, UsageLine>();
  #writing: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #stopped = false;
  /** Reports that were not counted. */
  dropped = 0;
  #isFull = false;

  constructor(options: UsageJournalOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    await this.#removeOld();
    this.#schedule();
  }

  /** Counts to the present minute. */
  add(row: UsageRow): void {
    const minuteMs = Math.floor(this.#options.clock.now() / MINUTE_MS) * MINUTE_MS;
    const key = `${minuteMs} ${row.function}@${row.version}`;
    let line = this.#rows.get(key);
    if (line === undefined) {
      if (this.#rows.size >= this.#options.rowsMax) {
        this.#drop();
        return;
      }
      line = { minuteMs, ...this.#options.place, ...emptyUsage(row.function, row.version) };
      this.#rows.set(key, line);
    }
    addUsage(line, row);
  }

  #drop(): void {
    this.#options.onDropped?.();
    this.dropped++;
    if (this.#isFull) return;
    this.#isFull = true;
    this.#options.logger.warn('usage of further functions is not counted: too many rows wait', {
      rowsMax: this.#options.rowsMax,
    });
  }

  /** Resolves when all that was added is on the disk, or the disk has refused it. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.flush();
  }

  #schedule(): void {
    const { clock } = this.#options;
    const untilNextMs = MINUTE_MS - (clock.now() % MINUTE_MS);
    this.#timer = clock.setTimer(untilNextMs, () => {
      void this.flush().then(() => {
        if (!this.#stopped) this.#schedule();
      });
    });
  }

  async #write(): Promise<void> {
    const rows = this.#rows;
    if (rows.size === 0) return;
    this.#rows = new Map();
    const byMinute = Map.groupBy(rows, ([, line]) => line.minuteMs);
    for (const [minuteMs, entries] of byMinute) {
      const text = entries.map(([, line]) => `${JSON.stringify(line)}\n`).join('');
      try {
        await append(join(this.#options.directory, fileOf(minuteMs)), text);
      } catch (error) {
        this.#options.logger.warn('usage could not be written; it is kept and tried again', {
          error: String(error),
        });
        for (const [key, line] of entries) this.#keep(key, line);
      }
    }
    if (this.#isFull && this.#rows.size < this.#options.rowsMax) {
      this.#isFull = false;
      this.#options.logger.warn('usage is counted again', { reportsLost: this.dropped });
    }
    await this.#removeOld().catch(() => {});
  }

  #keep(key: string, line: UsageLine): void {
    const newer = this.#rows.get(key);
    if (newer === undefined) this.#rows.set(key, line);
    else addUsage(newer, line);
  }

  async #removeOld(): Promise<void> {
    const { directory, filesMax } = this.#options;
    const files = (await readdir(directory)).filter((name) => name.endsWith(SUFFIX)).sort();
    for (const name of files.slice(0, Math.max(0, files.length - filesMax))) {
      await rm(join(directory, name), { force: true });
    }
  }
}

/** `2026-11-21T04-08Z.ndjson`: sorts by time, and every file system takes it. */
const fileOf = (minuteMs: number): string =>
  `${new Date(minuteMs).toISOString().slice(0, 16).replace(':', '-')}Z${SUFFIX}`;

async function append(path: string, text: string): Promise<void> {
  const file = await open(path, 'a+');
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await file.read(last, 0, 1, size - 1);
    // A line that a crash cut short must not spoil the next one.
    await file.appendFile(size > 0 && last[0] !== 0x0a ? `\n${text}` : text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Lines of one file; what a crash cut short is left out. */
export function parseUsage(text: string): UsageLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as UsageLine];
    } catch {
      return [];
    }
  });
}
