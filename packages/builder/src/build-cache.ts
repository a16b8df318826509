import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@popmesh/contracts';

/**
 * Components by what made them: the same bundle and tools give the same bytes
 * again, which the componentizer alone does not (its snapshot holds hash
 * seeds). An entry is its own SHA-256 followed by the component, so that a torn
 * or altered file is a miss and never a wrong component.
 */

export const BUILD_CACHE_ENTRIES_MAX = 64;
const DIGEST_BYTES = 32;

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

export class BuildCache {
  readonly #directory: string;
  readonly #clock: Clock | undefined;

  /** Without a clock the oldest written goes first, instead of the longest unused. */
  constructor(directory: string, clock?: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  static key(...parts: readonly string[]): string {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(`${Buffer.byteLength(part)}\n${part}`);
    return hash.digest('hex');
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const file = this.#file(key);
    const bytes = await readFile(file).catch(() => undefined);
    if (bytes === undefined || bytes.length <= DIGEST_BYTES) return undefined;
    const component = bytes.subarray(DIGEST_BYTES);
    if (!sha256(component).equals(bytes.subarray(0, DIGEST_BYTES))) return undefined;
    if (this.#clock !== undefined) {
      const nowS = this.#clock.now() / 1000;
      await utimes(file, nowS, nowS).catch(() => {});
    }
    return new Uint8Array(component);
  }

  /** A cache that cannot be written is no reason to fail a build. */
  async put(key: string, component: Uint8Array, sourceMap?: string): Promise<void> {
    try {
      await mkdir(this.#directory, { recursive: true });
      await this.#write(this.#file(key), Buffer.concat([sha256(component), component]));
      if (sourceMap !== undefined)
        await this.#write(this.#file(key, 'map'), Buffer.from(sourceMap));
      await this.#evict();
    } catch {
      // Nothing is lost but time.
    }
  }

  #file(key: string, extension = 'component'): string {
    return join(this.#directory, `${key}.${extension}`);
  }

  async #write(file: string, bytes: Uint8Array): Promise<void> {
    const temporary = `${file}.${randomUUID()}.tmp`;
    try {
      await writeFile(temporary, bytes);
      await rename(temporary, file);
    } catch (caught) {
      await rm(temporary, { force: true });
      throw caught;
    }
  }

  /** Oldest use first. */
  async #evict(): Promise<void> {
    const names = (await readdir(this.#directory)).filter((name) => name.endsWith('.component'));
    if (names.length <= BUILD_CACHE_ENTRIES_MAX) return;
    const aged = await Promise.all(
      names.map(async (name) => ({
        name,
        usedMs: (await stat(join(this.#directory, name)).catch(() => undefined))?.mtimeMs ?? 0,
      })),
    );
    aged.sort((a, b) => a.usedMs - b.usedMs);
    for (const { name } of aged.slice(0, names.length - BUILD_CACHE_ENTRIES_MAX)) {
      await rm(join(this.#directory, name), { force: true });
      await rm(join(this.#directory, name.replace(/component$/, 'map')), { force: true });
    }
  }
}
