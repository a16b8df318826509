import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  type Counter,
  isDigest,
  type Logger,
  type Metrics,
  noMetrics,
  PopmeshError,
  silentLogger,
} from '@popmesh/contracts';
import type { ChunkStorage } from './chunk-storage.ts';
import { CollectionLedger } from './collection-ledger.ts';
import { type ArtifactsConfig, defaultArtifactsConfig } from './config.ts';
import { sha256Hex } from './digest.ts';
import { DirectorySync } from './directory-sync.ts';
import { KeyedLock } from './keyed-lock.ts';
import { CHUNK_BYTES_MAX, STORE_WRITES_MAX } from './limits.ts';
import { Quarantine } from './quarantine.ts';
import { Semaphore } from './semaphore.ts';
import { errorCode, storageFailed, storeFull } from './storage-errors.ts';

/**
 * Chunks on disk, one file each, named by digest, under one directory owned by
 * one process. A file gets its name only after its bytes are synced, so no
 * crash leaves a torn file under a digest; a file that rots later is found by
 * its digest at load and moved aside. Refused: one big pack file with an index,
 * because then a torn write endangers more than one chunk.
 */

export interface ChunkStoreOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly config?: ArtifactsConfig;
}

export class ChunkStore implements ChunkStorage {
  readonly #directory: string;
  readonly #temporary: string;
  readonly #quarantine: Quarantine;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #quarantined: Counter;
  readonly #bytesMax: number;
  readonly #ledger: CollectionLedger;
  readonly #directorySync: DirectorySync;
  readonly #writes = new Semaphore(STORE_WRITES_MAX);
  /** Digest → size; the disk is read at open only. */
  readonly #sizes = new Map<string, number>();
  /** Put, delete and quarantine of one digest exclude each other. */
  readonly #lock = new KeyedLock();
  #sizeBytes = 0;
  /** Bytes promised to writes under way, so that parallel puts respect the cap together. */
  #reservedBytes = 0;
  #counter = 0;

  private constructor(options: ChunkStoreOptions) {
    const config = options.config ?? defaultArtifactsConfig;
    this.#directory = join(options.directory, 'chunks');
    this.#temporary = join(options.directory, 'writing');
    this.#quarantine = new Quarantine(join(options.directory, 'quarantine'));
    this.#clock = options.clock;
    this.#logger = options.logger ?? silentLogger;
    this.#quarantined = (options.metrics ?? noMetrics).counter(
      'popmesh_chunks_quarantined_total',
      'Chunks whose bytes no longer matched their digest',
    );
    this.#bytesMax = config.storeBytesMax;
    this.#ledger = new CollectionLedger(config.collectGraceMs);
    this.#directorySync = new DirectorySync(this.#directory);
  }

  /** Never refuses because of what a crash left behind. Throws `storage_failed`. */
  static async open(options: ChunkStoreOptions): Promise<ChunkStore> {
    const store = new ChunkStore(options);
    try {
      await rm(store.#temporary, { recursive: true, force: true });
      await mkdir(store.#directory, { recursive: true, mode: 0o700 });
      await mkdir(store.#temporary, { recursive: true });
      await store.#quarantine.open();
      for (const name of await readdir(store.#directory)) {
        if (!isDigest(name)) continue;
        const facts = await stat(join(store.#directory, name)).catch(() => undefined);
        if (facts?.isFile()) store.#hold(name, facts.size);
      }
    } catch (caught) {
      throw storageFailed('opening the chunk store', caught);
    }
    return store;
  }

  async put(bytes: Uint8Array): Promise<string> {
    if (bytes.length > CHUNK_BYTES_MAX) {
      throw new PopmeshError('payload_too_large', `a chunk of ${bytes.length} bytes was refused`);
    }
    const digest = sha256Hex(bytes);
    await this.#lock.run(digest, async () => {
      this.#ledger.touch(digest);
      if (!this.#sizes.has(digest)) await this.#reserveAndWrite(digest, bytes);
    });
    return digest;
  }

  async get(digest: string): Promise<Uint8Array | undefined> {
    if (!this.#sizes.has(digest)) return undefined;
    const bytes = await this.#readVerified(digest);
    if (bytes !== undefined) return bytes;
    return this.#lock.run(digest, async () => {
      // Read again under the lock: a put may have healed the file meanwhile.
      if (!this.#sizes.has(digest)) return undefined;
      const healed = await this.#readVerified(digest);
      if (healed === undefined) await this.#setAside(digest);
      return healed;
    });
  }

  has(digest: string): boolean {
    return this.#sizes.has(digest);
  }

  keep(digest: string): boolean {
    if (!this.#sizes.has(digest)) return false;
    this.#ledger.touch(digest);
    return true;
  }

  list(): string[] {
    return [...this.#sizes.keys()].sort();
  }

  delete(digest: string): Promise<void> {
    return this.#lock.run(digest, () => this.#delete(digest));
  }

  async retain(inUse: Iterable<string>): Promise<string[]> {
    const garbage = this.#ledger.collect(
      this.#sizes.keys(),
      new Set(inUse),
      this.#clock.monotonic(),
    );
    const deleted: string[] = [];
    for (const digest of garbage) {
      await this.#lock.run(digest, async () => {
        // A put may have claimed it since it was judged.
        if (!this.#ledger.isGarbage(digest, this.#clock.monotonic())) return;
        await this.#delete(digest);
        deleted.push(digest);
      });
    }
    return deleted;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async #reserveAndWrite(digest: string, bytes: Uint8Array): Promise<void> {
    if (this.#sizeBytes + this.#reservedBytes + bytes.length > this.#bytesMax) {
      throw storeFull(this.#bytesMax);
    }
    this.#reservedBytes += bytes.length;
    try {
      await this.#writes.run(() => this.#write(digest, bytes));
      this.#hold(digest, bytes.length);
    } catch (caught) {
      throw storageFailed(`writing chunk ${digest}`, caught);
    } finally {
      this.#reservedBytes -= bytes.length;
    }
  }

  async #write(digest: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#temporary, `${this.#counter++}`);
    try {
      const file = await open(path, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(path, join(this.#directory, digest));
    } catch (caught) {
      await unlink(path).catch(() => {});
      throw caught;
    }
    await this.#directorySync.sync();
  }

  #hold(digest: string, size: number): void {
    this.#sizes.set(digest, size);
    this.#sizeBytes += size;
  }

  #forget(digest: string): boolean {
    this.#ledger.touch(digest);
    this.#sizeBytes -= this.#sizes.get(digest) ?? 0;
    return this.#sizes.delete(digest);
  }

  async #delete(digest: string): Promise<void> {
    if (!this.#forget(digest)) return;
    try {
      await unlink(join(this.#directory, digest));
    } catch (caught) {
      if (errorCode(caught) !== 'ENOENT') throw storageFailed(`deleting chunk ${digest}`, caught);
    }
  }

  /** Undefined for a file that is gone, unreadable, or not what its name says. */
  async #readVerified(digest: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await readBounded(join(this.#directory, digest), CHUNK_BYTES_MAX);
      return bytes !== undefined && sha256Hex(bytes) === digest ? bytes : undefined;
    } catch (caught) {
      // A device that cannot read the file has lost the chunk as surely as a wrong digest.
      if (['ENOENT', 'EIO', 'EISDIR'].includes(errorCode(caught))) return undefined;
      throw storageFailed(`reading chunk ${digest}`, caught);
    }
  }

  async #setAside(digest: string): Promise<void> {
    this.#forget(digest);
    this.#quarantined.add();
    this.#logger.error('a chunk on disk no longer matches its digest; set aside', { digest });
    try {
      await this.#quarantine.take(join(this.#directory, digest), digest);
    } catch (caught) {
      this.#logger.warn('a corrupt chunk could not be kept', { digest, error: String(caught) });
    }
  }
}

/** Undefined when the file is larger than `bytesMax`: its bytes are not wanted then. */
async function readBounded(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    return size > bytesMax ? undefined : await file.readFile();
  } finally {
    await file.close();
  }
}
