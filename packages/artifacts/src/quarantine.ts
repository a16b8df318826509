import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { QUARANTINED_FILES_MAX } from './limits.ts';

/**
 * Where files go whose bytes no longer match their name: kept for a person to
 * look at instead of deleted, the newest `QUARANTINED_FILES_MAX` of them.
 */
export class Quarantine {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
  }

  /** Afterwards nothing is at `path`, even where the file could not be kept. */
  async take(path: string, name: string): Promise<void> {
    try {
      await rename(path, join(this.#directory, name));
      await this.#dropOldest();
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  }

  async #dropOldest(): Promise<void> {
    const names = await readdir(this.#directory);
    if (names.length <= QUARANTINED_FILES_MAX) return;
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#directory, name);
        return { path, changedMs: (await stat(path).catch(() => undefined))?.ctimeMs ?? 0 };
      }),
    );
    files.sort((a, b) => b.changedMs - a.changedMs);
    for (const { path } of files.slice(QUARANTINED_FILES_MAX))
      await rm(path, { recursive: true, force: true });
  }
}
