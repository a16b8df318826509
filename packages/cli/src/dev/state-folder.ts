import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import { holdFolder } from '@popmesh/daemon';
import type { KeyPair } from '@popmesh/protocol';
import { createIdentity, createRootKey, readRootKey } from '../mesh-keys/key-files.ts';

/** `.popmesh/`: everything the local mesh keeps between runs. Removing it is always safe. */

/** Of one process, looked at when dev starts. */
export const LOG_BYTES_MAX = 8 * 1024 * 1024;

export class StateFolder {
  readonly path: string;
  /** Settles, always, when the writes asked for so far have ended. */
  #written: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  readonly at = (...parts: readonly string[]): string => join(this.path, ...parts);

  async prepare(): Promise<void> {
    for (const folder of ['bin', 'build', 'dev', 'log', 'nats']) {
      await mkdir(this.at(folder), { recursive: true });
    }
    await this.#turnLogs();
    // A state folder inside of somebody's repository is not theirs to commit.
    if (!existsSync(this.at('.gitignore'))) await writeFile(this.at('.gitignore'), '*\n');
  }

  /** A long log is put aside as `.1`, so that logs of all runs together stay bounded. */
  async #turnLogs(): Promise<void> {
    for (const name of await readdir(this.at('log'))) {
      const file = this.at('log', name);
      if (name.endsWith('.log') && (await stat(file)).size > LOG_BYTES_MAX) {
        await rename(file, `${file}.1`);
      }
    }
  }

  /** What was downloaded and built stays: it is a cache, not state. */
  async wipe(): Promise<void> {
    for (const folder of ['dev', 'log', 'nats', 'nodes', 'context.json']) {
      await rm(this.at(folder), { recursive: true, force: true, maxRetries: 3 });
    }
  }

  async rootKey(): Promise<KeyPair> {
    const file = this.at('dev', 'root-key.json');
    return existsSync(file) ? await readRootKey(file) : await createRootKey(file);
  }

  /** Path of the identity file of a member. */
  async identity(root: KeyPair, id: string): Promise<string> {
    const file = this.at('nodes', id, 'identity.json');
    if (!existsSync(file)) await createIdentity(root, id, file);
    return file;
  }

  readJson<T>(fallback: T, ...parts: readonly string[]): T {
    try {
      return JSON.parse(readFileSync(this.at(...parts), 'utf8')) as T;
    } catch {
      return fallback;
    }
  }

  /**
   * Whole or not at all; secrets are among them, so only the owner reads.
   * One after the other: functions deployed at the same moment all write what
   * was deployed, and the last to ask must be the last to write. A name of its
   * own for each temporary file would keep them whole, but not in order.
   */
  async writeJson(value: unknown, ...parts: readonly string[]): Promise<void> {
    const file = this.at(...parts);
    const written = this.#written.then(async () => {
      await writeFile(`${file}.tmp`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
      await rename(`${file}.tmp`, file);
    });
    this.#written = written.catch(() => {});
    await written;
  }
}

/** One `popmesh dev` per state folder. Answers how to let go. */
export async function lockState(state: StateFolder): Promise<() => void> {
  await mkdir(state.path, { recursive: true });
  try {
    return holdFolder(state.path);
  } catch (caught) {
    const { code, message, details } = PopmeshError.from(caught);
    if (code !== 'folder_in_use') throw caught;
    const { pid } = details;
    throw new PopmeshError(code, `popmesh dev runs already: ${message}`, {
      hint: `Use that one, end it${pid === undefined ? '' : ` (kill ${pid})`}, or give this one another --state.`,
      details,
    });
  }
}

/** Alive, and not a stranger that got the same pid. */
export function isPopmesh(pid: number, mark = 'main.ts'): boolean {
  try {
    process.kill(pid, 0);
  } catch (caught) {
    return (caught as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark);
  } catch {
    // No /proc here: that it is alive has to do.
    return true;
  }
}
