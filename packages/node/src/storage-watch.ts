import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger, Timer } from '@popmesh/contracts';

/**
 * Whether the data folder takes writes, told before a deploy finds out: a node with a full disk
 * serves what it has, and learns of no change any more. It stays ready, since a disk that is full
 * here is soon full everywhere, and a mesh of which no node is ready serves nothing. Refused: the
 * free space that the file system names, which says nothing of quotas, of blocks that are kept
 * for root, and of a disk that has become read-only.
 */

const EVERY_MS = 5000;
/** More than what may be left in the last block of a file. */
const PROBE = Buffer.alloc(64 * 1024, 1);
const PROBE_FILE = 'room.probe';

export interface StorageWatchOptions {
  readonly directory: string;
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly logger: Logger;
  readonly onChanged: () => void;
}

export class StorageWatch {
  readonly #options: StorageWatchOptions;
  readonly #path: string;
  #problem: string | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: StorageWatchOptions) {
    this.#options = options;
    this.#path = join(options.directory, PROBE_FILE);
  }

  /** Undefined while it takes writes. Without paths: tenants read it, too. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.setTimer(EVERY_MS, () => {
      // One at a time, or a disk that hangs would gather them without a bound.
      this.#looking = this.look().then(() => this.start());
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  /** Never throws. */
  async look(): Promise<void> {
    const problem = await this.#tryWrite();
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { logger, onChanged, directory } = this.#options;
    if (problem === undefined) logger.info('the data folder takes writes again', { directory });
    else logger.error(problem, { directory });
    onChanged();
  }

  async #tryWrite(): Promise<string | undefined> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, 'w', 0o600);
      await file.writeFile(PROBE);
      await file.datasync();
      return undefined;
    } catch (caught) {
      const { code, message } = caught as NodeJS.ErrnoException;
      const reason = code === 'ENOSPC' ? 'no space left' : (code ?? message);
      return `its data folder cannot be written: ${reason}`;
    } finally {
      await file?.close().catch(() => {});
      await rm(this.#path, { force: true }).catch(() => {});
    }
  }
}
