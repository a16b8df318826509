import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Whom executors run as where the daemon is root: each process under a user of its own that
 * exists nowhere else, so that what escapes Node's permission model still meets the kernel's,
 * and cannot signal, trace or read another namespace's. Refused: `nobody` for all, who could.
 */

export interface ExecutorUser {
  readonly uid: number;
  readonly gid: number;
}

export class ExecutorUsers {
  readonly #first: number;
  readonly #count: number;
  readonly #taken = new Map<number, number>();
  #next = 0;

  constructor(first: number, count: number) {
    this.#first = first;
    this.#count = count;
  }

  /** One that nobody has; the one with the fewest when all are taken. */
  take(): ExecutorUser {
    let best = this.#first + this.#next;
    for (let i = 0; i < this.#count; i++) {
      const uid = this.#first + ((this.#next + i) % this.#count);
      const holders = this.#taken.get(uid) ?? 0;
      if (holders < (this.#taken.get(best) ?? 0)) best = uid;
      if (holders > 0) continue;
      best = uid;
      break;
    }
    this.#next = (best - this.#first + 1) % this.#count;
    this.#taken.set(best, (this.#taken.get(best) ?? 0) + 1);
    return { uid: best, gid: best };
  }

  release({ uid }: ExecutorUser): void {
    const holders = (this.#taken.get(uid) ?? 0) - 1;
    if (holders > 0) this.#taken.set(uid, holders);
    else this.#taken.delete(uid);
  }
}

const OTHERS_READ = 0o004;
const OTHERS_PASS = 0o001;

export interface Mode {
  readonly mode: number;
  isDirectory(): boolean;
}

/**
 * The first path, of those given or on the way to them, that a user without any right of its
 * own cannot read or pass; undefined when all is open to it.
 */
export async function closedPath(
  paths: readonly string[],
  modeOf: (path: string) => Promise<Mode> = stat,
): Promise<string | undefined> {
  const passed = new Set<string>();
  for (const path of paths) {
    const own = await modeOf(path);
    const needed = own.isDirectory() ? OTHERS_PASS : OTHERS_READ;
    if ((own.mode & needed) !== needed) return path;
    for (let folder = dirname(path); !passed.has(folder); folder = dirname(folder)) {
      passed.add(folder);
      if (((await modeOf(folder)).mode & OTHERS_PASS) === 0) return folder;
    }
  }
  return undefined;
}
