import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PopmeshError, type Random } from '@popmesh/contracts';
import type { DoorName } from '../worker/door.ts';

/**
 * Prepared components on disk: one folder each, complete or absent. The manifest carries
 * the SHA-256 of every file and is checked at every load, so a flipped bit means "prepare
 * again", never "run it".
 */

export const MANIFEST_FILE = 'manifest.json';

export interface PreparedManifest {
  readonly digest: string;
  readonly door: DoorName;
  readonly memoryMb: number;
  readonly imports: readonly string[];
  readonly files: readonly { name: string; sizeBytes: number; sha256: string }[];
}

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** Reads and verifies one folder. Throws `digest_mismatch` for anything that is not as written. */
export async function loadPrepared(
  directory: string,
): Promise<{ manifest: PreparedManifest; files: Map<string, Uint8Array> }> {
  try {
    const [line, ...rest] = (await readFile(join(directory, MANIFEST_FILE), 'utf8')).split('\n');
    // The manifest's own digest is its second line.
    if (line === undefined || rest[0] !== sha256(Buffer.from(line))) throw new Error('manifest');
    const manifest = JSON.parse(line) as PreparedManifest;
    const files = new Map<string, Uint8Array>();
    await Promise.all(
      manifest.files.map(async ({ name, sha256: expected }) => {
        const bytes = await readFile(join(directory, name));
        if (sha256(bytes) !== expected) throw new Error(name);
        files.set(name, bytes);
      }),
    );
    return { manifest, files };
  } catch (cause) {
    throw new PopmeshError('digest_mismatch', 'A prepared component on disk is damaged', {
      cause,
      details: { directory },
    });
  }
}

export class PreparedStore {
  readonly #root: string;
  readonly #random: Random;

  constructor(root: string, random: Random) {
    this.#root = root;
    this.#random = random;
  }

  /** What a crash left half written, and what was thrown away. */
  async open(): Promise<void> {
    await mkdir(this.#root, { recursive: true });
    for (const name of await readdir(this.#root)) {
      if (name.startsWith('.')) await rm(join(this.#root, name), { recursive: true, force: true });
    }
  }

  directoryOf(key: string): string {
    return join(this.#root, key);
  }

  /** The verified manifest, undefined when it is not there. A damaged folder is taken away. */
  async find(key: string): Promise<PreparedManifest | undefined> {
    const directory = this.directoryOf(key);
    if (!(await exists(join(directory, MANIFEST_FILE)))) return undefined;
    try {
      return (await loadPrepared(directory)).manifest;
    } catch {
      await this.#discard(directory);
      return undefined;
    }
  }

  async write(
    key: string,
    facts: Omit<PreparedManifest, 'files'>,
    files: ReadonlyMap<string, Uint8Array>,
  ): Promise<PreparedManifest> {
    const manifest: PreparedManifest = {
      ...facts,
      files: [...files].map(([name, bytes]) => ({
        name,
        sizeBytes: bytes.length,
        sha256: sha256(bytes),
      })),
    };
    const line = JSON.stringify(manifest);
    const temporary = join(this.#root, `.new-${this.#suffix()}`);
    try {
      await mkdir(temporary);
      const all = new Map<string, Uint8Array>(files);
      all.set(MANIFEST_FILE, Buffer.from(`${line}\n${sha256(Buffer.from(line))}\n`));
      await Promise.all(
        [...all].map(([name, bytes]) => writeDurably(join(temporary, name), bytes)),
      );
      await syncDirectory(temporary);
      await this.#discard(this.directoryOf(key));
      await rename(temporary, this.directoryOf(key));
      await syncDirectory(this.#root);
      return manifest;
    } catch (cause) {
      await rm(temporary, { recursive: true, force: true });
      throw new PopmeshError('storage_failed', 'The prepared component could not be stored', {
        cause,
      });
    }
  }

  /** Renamed first, so that no reader sees a folder half removed. */
  async #discard(directory: string): Promise<void> {
    const away = join(this.#root, `.old-${this.#suffix()}`);
    try {
      await rename(directory, away);
    } catch {
      return;
    }
    await rm(away, { recursive: true, force: true });
  }

  #suffix(): string {
    return Buffer.from(this.#random.bytes(9)).toString('base64url');
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    const handle = await open(file, constants.O_RDONLY);
    await handle.close();
    return true;
  } catch {
    return false;
  }
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
