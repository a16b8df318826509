import { constants } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import type { ExecutorUser } from './executor-user.ts';

/**
 * The private folder of one executor process: the only prepared files that it can read. Its
 * flags name the folder before anybody knows whose process it will be; the files of its
 * namespace come in later, as hard links, so a start costs no copy and the disk nothing.
 *
 * It belongs to the daemon, and the executor's group may read it: whoever has broken out into an
 * executor can put nothing in the daemon's way here, no link that leads elsewhere above all. What
 * a step is about to go through is looked at before, nonetheless. Refused: a folder of the
 * executor's own; one readable folder for all namespaces; and file contents over IPC, which
 * every cold start would wait for.
 */

/** A version that was replaced may still be starting; its files go this much later. */
const UNUSED_MS = 60_000;
const READABLE_BY_ALL = 0o644;
/** Of the folder of one process: the daemon's, and its group's to read. */
const OWN_MODE = 0o700;
const GROUP_MODE = 0o750;
/** Of the folders in it, which that one keeps others out of. */
const INNER_MODE = 0o755;

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
    await mkdir(path, { mode: OWN_MODE });
    if (user !== undefined) await openToGroup(path, user);
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
    await checkFolder(from.path);
    await checkFolder(this.path);
    await rename(from.path, this.path);
    if (this.#user !== undefined) await openToGroup(this.path, this.#user);
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
    await checkFolder(this.path);
    await mkdir(into, { mode: INNER_MODE }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await checkFolder(into);
    const files = await readdir(directory);
    if (this.#user !== undefined) await openToOthers(directory, files, into);
    await Promise.all(files.map((file) => this.#link(join(directory, file), join(into, file))));
  }

  async #link(from: string, to: string): Promise<void> {
    try {
      await place(from, to);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await this.#replace(from, to);
    }
  }

  /** In one step, for the executor may be reading what was there. */
  async #replace(from: string, to: string): Promise<void> {
    const temporary = `${to}.new-${this.#temporaries++}`;
    await place(from, temporary);
    await rename(temporary, to);
    // Two links of the same file are left as they are by `rename`.
    await rm(temporary, { force: true });
  }
}

/** Where nothing is, not even a link: those are never followed. */
async function place(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    // Not every file system has hard links.
    await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  }
}

/** A folder and no link to one, and the daemon's own. */
async function checkFolder(path: string): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory() && found.uid === process.geteuid?.()) return;
  throw new PopmeshError('storage_failed', 'The folder of an executor is not as it was made', {
    details: { path },
  });
}

/** Through a handle, which leads nowhere else whatever the path becomes. */
async function openToGroup(path: string, { gid }: ExecutorUser): Promise<void> {
  const handle = await open(
    path,
    constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  );
  try {
    await handle.chown((await handle.stat()).uid, gid);
    await handle.chmod(GROUP_MODE);
  } finally {
    await handle.close();
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
  await chmod(into, INNER_MODE);
  const [first] = files;
  if (first === undefined) return;
  const { mode } = await lstat(join(directory, first));
  if ((mode & READABLE_BY_ALL) === READABLE_BY_ALL) return;
  await Promise.all(files.map((file) => chmod(join(directory, file), READABLE_BY_ALL)));
}
