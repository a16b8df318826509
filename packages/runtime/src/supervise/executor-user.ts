import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ClaimUid } from './uid-claim.ts';

/**
 * Whom executors run as where the daemon is root: each process under a user of its own that
 * exists nowhere else, so that what escapes Node's permission model still meets the kernel's,
 * and cannot signal, trace or read another namespace's. Daemons on one machine take theirs of the
 * same range and never the same one (uid-claim.ts). Refused: `nobody` for all, who could.
 */

export interface ExecutorUser {
  readonly uid: number;
  readonly gid: number;
}

export class ExecutorUsers {
  readonly #first: number;
  readonly #count: number;
  readonly #claim: ClaimUid;
  readonly #taken = new Map<number, number>();
  readonly #claims = new Map<number, () => void>();
  #next = 0;

  constructor(first: number, count: number, claim: ClaimUid) {
    this.#first = first;
    this.#count = count;
    this.#claim = claim;
  }

  /** One that nobody has; the one with the fewest when all are taken, here or by other daemons. */
  async take(): Promise<ExecutorUser> {
    const first = this.#next;
    for (let i = 0; i < this.#count; i++) {
      const uid = this.#first + ((first + i) % this.#count);
      if ((this.#taken.get(uid) ?? 0) > 0) continue;
      // Counted before it is asked for, so that nobody else here asks for it meanwhile.
      this.#taken.set(uid, 1);
      const giveBack = await this.#claim(uid);
      if (giveBack === undefined) {
        this.#taken.delete(uid);
        continue;
      }
      this.#claims.set(uid, giveBack);
      this.#next = (uid - this.#first + 1) % this.#count;
      return { uid, gid: uid };
    }
    return this.#leastShared();
  }

  release({ uid }: ExecutorUser): void {
    const holders = (this.#taken.get(uid) ?? 0) - 1;
    if (holders > 0) {
      this.#taken.set(uid, holders);
      return;
    }
    this.#taken.delete(uid);
    this.#claims.get(uid)?.();
    this.#claims.delete(uid);
  }

  #leastShared(): ExecutorUser {
    let uid = this.#first + this.#next;
    // Of our own where there is one: another daemon's would be another mesh's.
    for (const [own, holders] of this.#taken) {
      if (holders < (this.#taken.get(uid) ?? Number.POSITIVE_INFINITY)) uid = own;
    }
    this.#taken.set(uid, (this.#taken.get(uid) ?? 0) + 1);
    return { uid, gid: uid };
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
