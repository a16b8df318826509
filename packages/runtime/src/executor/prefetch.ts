import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PreparedFile, type PreparedManifest, readManifest } from '../prepare/store.ts';

/**
 * Memory images of functions that were deployed and not asked for yet, read and verified one
 * after the other while nobody waits: a first request is 2 ms shorter. As many as there is room
 * for, those that were deployed first; nothing is compiled, and nothing of a guest runs.
 */

export interface Prefetched {
  readonly manifest: PreparedManifest;
  /** Its memory images by path, verified. */
  readonly images: readonly (readonly [path: string, bytes: SharedArrayBuffer])[];
}

export class Prefetch {
  static readonly bytesMax = 32 * 1024 * 1024;
  static readonly waitingMax = 64;
  /** By directory. */
  readonly #ready = new Map<string, Prefetched>();
  readonly #waiting = new Set<string>();
  #bytes = 0;
  #running: Promise<void> | undefined;

  add(directory: string): void {
    if (this.#bytes >= Prefetch.bytesMax || this.#waiting.size >= Prefetch.waitingMax) return;
    if (this.#ready.has(directory)) return;
    this.#waiting.add(directory);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing waits to be read. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** What was read of it; the caller's from now on, who reads the rest. */
  take(directory: string): Prefetched | undefined {
    this.#waiting.delete(directory);
    const ready = this.#ready.get(directory);
    this.#ready.delete(directory);
    for (const [, bytes] of ready?.images ?? []) this.#bytes -= bytes.byteLength;
    return ready;
  }

  keepOnly(directories: ReadonlySet<string>): void {
    for (const directory of [...this.#waiting, ...this.#ready.keys()]) {
      if (!directories.has(directory)) this.take(directory);
    }
  }

  async #run(): Promise<void> {
    for (const directory of this.#waiting) {
      // Damage is found, and repaired, by whoever loads it.
      await this.#read(directory).catch(() => {});
      this.#waiting.delete(directory);
    }
  }

  async #read(directory: string): Promise<void> {
    const manifest = await readManifest(directory);
    const files = manifest.files.filter(({ name }) =>
      manifest.images.some(({ memory }) => memory?.file === name),
    );
    const sizeBytes = files.reduce((total, file) => total + file.sizeBytes, 0);
    if (files.length === 0 || this.#bytes + sizeBytes > Prefetch.bytesMax) return;
    const images = await Promise.all(files.map((file) => readImage(directory, file)));
    if (!this.#waiting.has(directory)) return;
    this.#ready.set(directory, { manifest, images });
    this.#bytes += sizeBytes;
  }
}

async function readImage(
  directory: string,
  file: PreparedFile,
): Promise<[string, SharedArrayBuffer]> {
  const path = join(directory, file.file);
  const bytes = await readFile(path);
  // In Node's thread pool: on the HTTP thread it would take 1.3 ms.
  const digest = await webcrypto.subtle.digest('SHA-256', bytes);
  if (Buffer.from(digest).toString('hex') !== file.sha256) throw new Error('it is damaged');
  const image = new SharedArrayBuffer(bytes.length);
  new Uint8Array(image).set(bytes);
  return [path, image];
}
