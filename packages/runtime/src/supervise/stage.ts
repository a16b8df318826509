import { constants } from 'node:fs';
import { chmod, chown, copyFile, link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import type { ExecutorUser } from './executor-user.ts';

/**
 * The private folder of one executor process: the only prepared files that it can read. Its
 * flags name the folder before anybody knows whose process it will be; the files of its
 * namespace come in later, as hard links, so a start costs no copy and the disk nothing.
 * Refused: one readable folder for all namespaces, and file contents over IPC, which every
 * cold start would wait for.
 */

/** A version that was replaced may still be starting; its files go this much later. */
const UNUSED_MS = 60_000;
const READABLE_BY_ALL = 0o644;

interface Entry {
  readonly linked: Promise<void>;
  unusedSinceMs: number | undefined;
}

export class Stage {
  readonly path: string;
  readonly #user: ExecutorUser | undefined;
  /** By the folder in the store that each is a link to. */
  #entries = new Map<string, Entry>();
  /** Of folders that are on their way out: whoever wants one again waits for its removal. */
  readonly #removals = new Map<string, Promise<void>>();
  #temporaries = 0;
  #gone = false;

  private constructor(path: string, user: ExecutorUser | undefined) {
    this.path = path;
    this.#user = user;
  }

  static async create(path: string, user: ExecutorUser | undefined): Promise<Stage> {
    await mkdir(path, { mode: 0o700 });
    if (user !== undefined) await chown(path, user.uid, user.gid);
    return new Stage(path, user);
  }

  /** Where the executor finds the component in `directory`, once it is there. */
  async add(directory: string): Promise<string> {
    if (this.#gone) throw new PopmeshError('unavailable', 'The executor of this folder is gone');
    let entry = this.#entries.get(directory);
    if (entry === undefined) {
      const made: Entry = { linked: this.#linkAll(directory), unusedSinceMs: undefined };
      entry = made;
      this.#entries.set(directory, made);
      made.linked.catch(() => {
        if (this.#entries.get(directory) === made) this.#entries.delete(directory);
      });
    }
    entry.unusedSinceMs = undefined;
    await entry.linked;
    return this.#inside(directory);
  }

  /** The same from anew, after `directory` was made again. */
  async renew(directory: string): Promise<void> {
    await this.#entries.get(directory)?.linked.catch(() => {});
    this.#entries.delete(directory);
    await this.add(directory);
  }

  /** What `staged` is a link to. */
  sourceOf(staged: string): string | undefined {
    return this.#entries.keys().find((directory) => this.#inside(directory) === staged);
  }

  /** Takes everything that the process before had, in one step however much it is. */
  async inherit(from: Stage): Promise<void> {
    from.#gone = true;
    await Promise.allSettled([...from.#entries.values()].map((entry) => entry.linked));
    await Promise.allSettled(from.#removals.values());
    await rename(from.path, this.path);
    if (this.#user !== undefined) await chown(this.path, this.#user.uid, this.#user.gid);
    [this.#entries, from.#entries] = [from.#entries, new Map()];
  }

  async keepOnly(directories: ReadonlySet<string>, nowMs: number): Promise<void> {
    for (const [directory, entry] of this.#entries) {
      if (directories.has(directory)) {
        entry.unusedSinceMs = undefined;
        continue;
      }
      entry.unusedSinceMs ??= nowMs;
      if (nowMs - entry.unusedSinceMs < UNUSED_MS) continue;
      this.#entries.delete(directory);
      await this.#removeOne(directory);
    }
  }

  /** Everything, and for good. */
  async remove(): Promise<void> {
    this.#gone = true;
    await Promise.allSettled([...this.#entries.values()].map((entry) => entry.linked));
    await rm(this.path, { recursive: true, force: true });
  }

  async #removeOne(directory: string): Promise<void> {
    const removal = rm(this.#inside(directory), { recursive: true, force: true });
    this.#removals.set(directory, removal);
    try {
      await removal;
    } finally {
      this.#removals.delete(directory);
    }
  }

  #inside(directory: string): string {
    return join(this.path, basename(directory));
  }

  async #linkAll(directory: string): Promise<void> {
    await this.#removals.get(directory)?.catch(() => {});
    const into = this.#inside(directory);
    await mkdir(into, { recursive: true });
    const files = await readdir(directory);
    if (this.#user !== undefined) await openToOthers(directory, files, into);
    await Promise.all(files.map((file) => this.#link(join(directory, file), join(into, file))));
  }

  async #link(from: string, to: string): Promise<void> {
    try {
      await link(from, to);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') await this.#replace(from, to);
      // Not every file system has hard links.
      else await copyFile(from, to, constants.COPYFILE_FICLONE);
    }
  }

  /** In one step, for the executor may be reading what was there. */
  async #replace(from: string, to: string): Promise<void> {
    const temporary = `${to}.new-${this.#temporaries++}`;
    await link(from, temporary).catch(() => copyFile(from, temporary, constants.COPYFILE_FICLONE));
    await rename(temporary, to);
    // Two links of the same file are left as they are by `rename`.
    await rm(temporary, { force: true });
  }
}

/**
 * Readable by users that own nothing. The folder above is what keeps others out; the files are
 * shared with other folders. All were written under the same mask, so one shows how it is.
 */
async function openToOthers(
  directory: string,
  files: readonly string[],
  into: string,
): Promise<void> {
  await chmod(into, 0o755);
  const [first] = files;
  if (first === undefined) return;
  const { mode } = await stat(join(directory, first));
  if ((mode & READABLE_BY_ALL) === READABLE_BY_ALL) return;
  await Promise.all(files.map((file) => chmod(join(directory, file), READABLE_BY_ALL)));
}
