import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { PopmeshError, type Random } from '@popmesh/contracts';
import type { DoorName } from '../worker/door.ts';

/**
 * Prepared components on disk: one folder each, complete or absent. The core modules and the
 * glue lie back to back in one file, which is the same file, by hard links, for all components
 * that have the same ones: 500 functions share one engine. The manifest carries the SHA-256 of
 * everything. It is verified when it is read, the rest when it is loaded to be run, so that a
 * node with a thousand functions starts without reading two gigabytes; a flipped bit means
 * "prepare again", never "run it".
 */

export const MANIFEST_FILE = 'manifest.json';
/** The files that others may have, too. */
const COMMON = 'common';
/** Beside the folders of the components, whose names are longer. */
const SHARED = 'shared';
/** Of what was asked for and is served by nobody yet, this many are kept whatever is swept. */
const WANTED_MAX = 64;
/** Two that write the same one at once put it in each other's way this often at most. */
const PLACE_TRIES = 5;

export interface PreparedFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** On disk: the file it is a part of, and where it begins there. */
  readonly file: string;
  readonly offset: number;
}

/** What goes into fresh instances of a core module (module-image.ts). */
export interface PreparedImage {
  /** Name of the core module. */
  readonly module: string;
  readonly globals: readonly { readonly name: string; readonly value: number }[];
  readonly memory?: {
    readonly name: string;
    readonly pages: number;
    /** Name of the file that holds the segments back to back. */
    readonly file: string;
    readonly segments: readonly { readonly offset: number; readonly sizeBytes: number }[];
  };
}

export interface PreparedManifest {
  /** Of the component. */
  readonly digest: string;
  readonly door: DoorName;
  readonly memoryMb: number;
  /** SHA-256 of the component without its images, where it has any (skeleton.ts). */
  readonly skeleton?: string | undefined;
  readonly imports: readonly string[];
  readonly images: readonly PreparedImage[];
  readonly files: readonly PreparedFile[];
}

export interface PreparedContent {
  /** What components of one skeleton have in common. */
  readonly common: ReadonlyMap<string, Uint8Array>;
  /** What is this component's alone. */
  readonly own: ReadonlyMap<string, Uint8Array>;
}

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

const damaged = (directory: string, cause: unknown): PopmeshError =>
  new PopmeshError('digest_mismatch', 'A prepared component on disk is damaged', {
    cause,
    details: { directory },
  });

/** Throws `digest_mismatch` for one that is not as written. */
export async function readManifest(directory: string): Promise<PreparedManifest> {
  try {
    const [line, ...rest] = (await readFile(join(directory, MANIFEST_FILE), 'utf8')).split('\n');
    // The manifest's own digest is its second line.
    if (line === undefined || rest[0] !== sha256(Buffer.from(line))) throw new Error('manifest');
    return JSON.parse(line) as PreparedManifest;
  } catch (cause) {
    throw damaged(directory, cause);
  }
}

/** These files of one component, verified; throws `digest_mismatch`. */
export async function readFiles(
  directory: string,
  files: readonly PreparedFile[],
): Promise<Map<string, Uint8Array>> {
  try {
    const read = new Map<string, Promise<Uint8Array>>();
    const contents = new Map<string, Uint8Array>();
    for (const { file } of files) {
      if (!read.has(file)) read.set(file, readFile(join(directory, file)));
    }
    await Promise.all(read.values());
    for (const { name, file, offset, sizeBytes, sha256: expected } of files) {
      const bytes = (await read.get(file))?.subarray(offset, offset + sizeBytes);
      if (bytes === undefined || sha256(bytes) !== expected) throw new Error(name);
      contents.set(name, bytes);
    }
    return contents;
  } catch (cause) {
    throw damaged(directory, cause);
  }
}

/** Everything of one component, verified. */
export async function loadPrepared(
  directory: string,
): Promise<{ manifest: PreparedManifest; files: Map<string, Uint8Array> }> {
  const manifest = await readManifest(directory);
  return { manifest, files: await readFiles(directory, manifest.files) };
}

/** What a sweep found, and what it took away. */
export interface Swept {
  readonly removed: number;
  /** Of what is left and nobody serves. */
  readonly unusedBytes: number;
}

interface Unused {
  readonly key: string;
  readonly usedMs: number;
  readonly ownBytes: number;
  /** The file that others may have, too: its inode, its size, and how many names it has. */
  readonly common: { readonly id: number; readonly sizeBytes: number; readonly names: number };
}

export class PreparedStore {
  readonly #root: string;
  readonly #shared: string;
  readonly #random: Random;
  readonly #now: () => number;
  /** Keys that somebody asked for and does not serve yet, the latest last. */
  readonly #wanted = new Set<string>();
  /** On its way out: who asks for it waits, and then does not find it. */
  readonly #leaving = new Map<string, Promise<void>>();

  /** `now` is the time of day, which puts what nobody serves in the order of its last use. */
  constructor(root: string, random: Random, now: () => number) {
    this.#root = root;
    this.#shared = join(root, SHARED);
    this.#random = random;
    this.#now = now;
  }

  /**
   * Takes away what a crash left half written, what was thrown away, what another version of
   * this software prepared (whose keys do not end with `keySuffix`), and what nobody shares.
   */
  async open(keySuffix = ''): Promise<void> {
    await mkdir(this.#shared, { recursive: true });
    for (const name of await readdir(this.#root)) {
      if (name === SHARED || (!name.startsWith('.') && name.endsWith(keySuffix))) continue;
      await this.#remove(join(this.#root, name));
    }
    for (const name of await readdir(this.#shared)) {
      if (name.startsWith('.')) await this.#remove(join(this.#shared, name));
    }
    await this.#removeUnshared();
  }

  directoryOf(key: string): string {
    return join(this.#root, key);
  }

  /**
   * The verified manifest, undefined when it or a file of it is not there, or it is not of the
   * component with this digest. A damaged folder is taken away. What the other files hold is
   * looked at by who loads them.
   */
  async find(key: string, digest: string): Promise<PreparedManifest | undefined> {
    this.want(key);
    await this.#leaving.get(key)?.catch(() => {});
    const directory = this.directoryOf(key);
    const names = await readdir(directory).catch(() => undefined);
    if (names === undefined) return undefined;
    const there = new Set(names);
    try {
      const manifest = await readManifest(directory);
      if (manifest.digest === digest && manifest.files.every(({ file }) => there.has(file))) {
        await this.#touch(directory);
        return manifest;
      }
    } catch {
      // The same as not there.
    }
    await this.#discard(directory);
    return undefined;
  }

  async write(
    key: string,
    facts: Omit<PreparedManifest, 'files'>,
    content: PreparedContent,
  ): Promise<PreparedManifest> {
    const temporary = join(this.#root, `.new-${this.#suffix()}`);
    this.want(key);
    try {
      const common = inOneFile(content.common);
      const own = [...content.own].map(([name, bytes]) => entryOf(name, bytes, name, 0));
      const manifest: PreparedManifest = { ...facts, files: [...common.entries, ...own] };
      const line = JSON.stringify(manifest);
      await mkdir(temporary);
      const all = new Map<string, Uint8Array>(content.own);
      all.set(MANIFEST_FILE, Buffer.from(`${line}\n${sha256(Buffer.from(line))}\n`));
      await Promise.all([
        this.#writeShared(common.bytes, join(temporary, COMMON)),
        ...[...all].map(([name, bytes]) => writeDurably(join(temporary, name), bytes)),
      ]);
      await syncDirectory(temporary);
      await this.#place(temporary, this.directoryOf(key));
      await syncDirectory(this.#root);
      return manifest;
    } catch (cause) {
      await rm(temporary, { recursive: true, force: true }).catch(() => {});
      throw new PopmeshError('storage_failed', 'The prepared component could not be stored', {
        cause,
      });
    }
  }

  /**
   * Something in it was found damaged: if its files are not as written, or another component's,
   * they go, and what they share with others, so that it is made again by the next `prepare`.
   */
  async removeDamaged(directory: string, digest: string): Promise<void> {
    try {
      const { manifest } = await loadPrepared(directory);
      if (manifest.digest !== digest) throw damaged(directory, 'another component');
    } catch {
      await this.#discard(directory);
      for (const name of await readdir(this.#shared)) {
        const path = join(this.#shared, name);
        const whole = sha256(await readFile(path).catch(() => new Uint8Array())) === name;
        if (!whole) await this.#discard(path);
      }
    }
  }

  /** Not to be swept, since it will be served. Ends with `letGo`, or when many came after it. */
  want(key: string): void {
    this.#wanted.delete(key);
    this.#wanted.add(key);
    for (const oldest of this.#wanted) {
      if (this.#wanted.size <= WANTED_MAX) break;
      this.#wanted.delete(oldest);
    }
  }

  letGo(key: string): void {
    this.#wanted.delete(key);
  }

  /**
   * Of what nobody serves, the least recently used goes until at most `unusedBytesMax` are left.
   * Executors lose nothing: they have links of their own.
   */
  async sweep(isServed: (key: string) => boolean, unusedBytesMax: number): Promise<Swept> {
    const isKept = (key: string): boolean => this.#wanted.has(key) || isServed(key);
    const unused = await this.#unused(isServed);
    const sharers = new Map<number, number>();
    for (const { common } of unused) sharers.set(common.id, (sharers.get(common.id) ?? 0) + 1);
    let unusedBytes = 0;
    let removed = 0;
    let isFull = false;
    for (const { key, ownBytes, common } of unused) {
      // Where others have it, too, or it was counted already, nothing is won by its going.
      const sharing = sharers.get(common.id) ?? 0;
      sharers.delete(common.id);
      const sizeBytes = ownBytes + (common.names <= sharing + 1 ? common.sizeBytes : 0);
      if (unusedBytes + sizeBytes > unusedBytesMax) isFull = true;
      if (!isFull || isKept(key)) unusedBytes += sizeBytes;
      else {
        removed++;
        const leaving = this.#discard(this.directoryOf(key));
        this.#leaving.set(key, leaving);
        await leaving.finally(() => this.#leaving.delete(key));
      }
    }
    await this.#removeUnshared();
    return { removed, unusedBytes };
  }

  /** What nobody serves, the most recently used first. */
  async #unused(isServed: (key: string) => boolean): Promise<Unused[]> {
    const unused: Unused[] = [];
    for (const key of await readdir(this.#root)) {
      if (key === SHARED || key.startsWith('.') || isServed(key)) continue;
      const directory = this.directoryOf(key);
      try {
        const { mtimeMs: usedMs } = await stat(directory);
        let ownBytes = 0;
        let common = { id: 0, sizeBytes: 0, names: 0 };
        for (const name of await readdir(directory)) {
          const { ino: id, size: sizeBytes, nlink: names } = await stat(join(directory, name));
          if (name === COMMON) common = { id, sizeBytes, names };
          else ownBytes += sizeBytes;
        }
        unused.push({ key, usedMs, ownBytes, common });
      } catch {
        // It went while it was looked at, or is no folder of ours.
      }
    }
    return unused.sort((a, b) => b.usedMs - a.usedMs);
  }

  /** Where there are no hard links, it is written again when it is needed again. */
  async #removeUnshared(): Promise<void> {
    for (const name of await readdir(this.#shared)) {
      const path = join(this.#shared, name);
      const names = await stat(path).then(
        ({ nlink }) => nlink,
        () => 0,
      );
      if (!name.startsWith('.') && names === 1) await this.#remove(path);
    }
  }

  /** So that it is known after a restart, too, what was used last. */
  async #touch(directory: string): Promise<void> {
    const seconds = this.#now() / 1000;
    await utimes(directory, seconds, seconds).catch(() => {});
  }

  /** In place of what is there; another process may be putting the same there. */
  async #place(temporary: string, directory: string): Promise<void> {
    for (let left = PLACE_TRIES; ; left--) {
      await this.#discard(directory);
      try {
        await rename(temporary, directory);
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (left <= 1 || (code !== 'ENOTEMPTY' && code !== 'EEXIST')) throw error;
      }
    }
  }

  /** `path` becomes a link to the one file with these bytes. */
  async #writeShared(bytes: Uint8Array, path: string): Promise<void> {
    const shared = join(this.#shared, sha256(bytes));
    try {
      await link(shared, path);
      return;
    } catch {
      // Nobody had these yet, or there are no links here.
    }
    await writeDurably(path, bytes);
    const temporary = join(this.#shared, `.new-${this.#suffix()}`);
    const linked = await link(path, temporary).then(
      () => true,
      () => false,
    );
    if (!linked) return;
    await rename(temporary, shared);
    await syncDirectory(this.#shared);
    // Of two that came at once the later one is it; renaming onto its own twin does nothing.
    await rm(temporary, { force: true });
  }

  /** Renamed first, so that no reader sees a folder half removed. */
  async #discard(path: string): Promise<void> {
    const away = join(this.#root, `.old-${this.#suffix()}`);
    try {
      await rename(path, away);
    } catch {
      return;
    }
    await this.#remove(away);
  }

  #remove(path: string): Promise<void> {
    return rm(path, { recursive: true, force: true });
  }

  #suffix(): string {
    return Buffer.from(this.#random.bytes(9)).toString('base64url');
  }
}

const entryOf = (name: string, bytes: Uint8Array, file: string, offset: number): PreparedFile => ({
  name,
  sizeBytes: bytes.length,
  sha256: sha256(bytes),
  file,
  offset,
});

function inOneFile(files: ReadonlyMap<string, Uint8Array>): {
  entries: PreparedFile[];
  bytes: Uint8Array;
} {
  let offset = 0;
  const entries = [...files].map(([name, bytes]) => {
    const entry = entryOf(name, bytes, COMMON, offset);
    offset += bytes.length;
    return entry;
  });
  return { entries, bytes: Buffer.concat([...files.values()]) };
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
