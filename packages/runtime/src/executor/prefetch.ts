import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type PreparedFile, type PreparedManifest, readManifest } from '../prepare/store.ts';

/**
 * Memory images of functions that were deployed and not asked for yet, read and verified one
 * after the other while nobody waits: a first request is 2 ms shorter. As many as there is room
 * for, those that were deployed first, and further ones as these are taken; nothing is compiled,
 * and nothing of a guest runs.
 */

export interface Prefetched {
  readonly manifest: PreparedManifest;
  /** Its memory images by path, verified. */
  readonly images: readonly (readonly [path: string, bytes: SharedArrayBuffer])[];
}

export class Prefetch {
  static readonly bytesMax = 32 * 1024 * 1024;
  /** Names of folders only. */
  static readonly waitingMax = 4_096;
  /** By directory. */
  readonly #ready = new Map<string, Prefetched>();
  readonly #waiting = new Set<string>();
  readonly #whenQuiet: () => Promise<void>;
  #bytes = 0;
  #running: Promise<void> | undefined;
  /** A cold start is under way: reading beside it would take its core. */
  #disturbed = true;

  constructor(whenQuiet: () => Promise<void> = setImmediate) {
    this.#whenQuiet = whenQuiet;
  }

  add(directory: string): void {
    if (this.#waiting.size >= Prefetch.waitingMax || this.#ready.has(directory)) return;
    this.#waiting.add(directory);
    this.#goOn();
  }

  /** Resolves when nothing waits to be read. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** What was read of it; the caller's from now on, who reads the rest. */
  take(directory: string): Prefetched | undefined {
    this.#disturbed = true;
    this.#waiting.delete(directory);
    const ready = this.#ready.get(directory);
    this.#ready.delete(directory);
    for (const [, bytes] of ready?.images ?? []) this.#bytes -= bytes.byteLength;
    if (ready !== undefined) this.#goOn();
    return ready;
  }

  keepOnly(directories: ReadonlySet<string>): void {
    for (const directory of [...this.#waiting, ...this.#ready.keys()]) {
      if (!directories.has(directory)) this.take(directory);
    }
  }

  #goOn(): void {
    this.#running ??= this.#run();
  }

  /** Over in the moment in which it finds nothing more: what is added after that begins anew. */
  async #run(): Promise<void> {
    try {
      // Not before `#running` is set.
      await Promise.resolve();
      for (const directory of this.#waiting) {
        while (this.#disturbed) {
          this.#disturbed = false;
          await this.#whenQuiet();
        }
        if (!this.#waiting.has(directory)) continue;
        // Damage is found, and repaired, by whoever loads it.
        if ((await this.#read(directory).catch(() => true)) === false) return;
        this.#waiting.delete(directory);
      }
    } finally {
      this.#running = undefined;
    }
  }

  /** False where there is no room for it now. */
  async #read(directory: string): Promise<boolean> {
    const manifest = await readManifest(directory);
    const files = manifest.files.filter(({ name }) =>
      manifest.images.some(({ memory }) => memory?.file === name),
    );
    const sizeBytes = files.reduce((total, file) => total + file.sizeBytes, 0);
    if (files.length === 0 || sizeBytes > Prefetch.bytesMax) return true;
    if (this.#bytes + sizeBytes > Prefetch.bytesMax) return false;
    const images = await Promise.all(files.map((file) => readImage(directory, file)));
    if (this.#waiting.has(directory)) {
      this.#ready.set(directory, { manifest, images });
      this.#bytes += sizeBytes;
    }
    return true;
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
