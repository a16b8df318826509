import { type Clock, PopmeshError } from '@popmesh/contracts';
import type { ChunkStorage } from './chunk-storage.ts';
import { CollectionLedger } from './collection-ledger.ts';
import { type ArtifactsConfig, defaultArtifactsConfig } from './config.ts';
import { sha256Hex } from './digest.ts';
import { CHUNK_BYTES_MAX } from './limits.ts';
import { storeFull } from './storage-errors.ts';

/** Chunks in memory, for simulations and for nodes without a disk. */
export class MemoryChunkStore implements ChunkStorage {
  readonly #chunks = new Map<string, Uint8Array>();
  readonly #ledger: CollectionLedger;
  readonly #clock: Clock;
  readonly #bytesMax: number;
  #sizeBytes = 0;

  constructor(options: { clock: Clock; config?: ArtifactsConfig }) {
    const config = options.config ?? defaultArtifactsConfig;
    this.#clock = options.clock;
    this.#ledger = new CollectionLedger(config.collectGraceMs);
    this.#bytesMax = config.storeBytesMax;
  }

  async put(bytes: Uint8Array): Promise<string> {
    if (bytes.length > CHUNK_BYTES_MAX) {
      throw new PopmeshError('payload_too_large', `a chunk of ${bytes.length} bytes was refused`);
    }
    const digest = sha256Hex(bytes);
    this.#ledger.touch(digest);
    if (this.#chunks.has(digest)) return digest;
    if (this.#sizeBytes + bytes.length > this.#bytesMax) throw storeFull(this.#bytesMax);
    this.#chunks.set(digest, bytes.slice());
    this.#sizeBytes += bytes.length;
    return digest;
  }

  async get(digest: string): Promise<Uint8Array | undefined> {
    return this.#chunks.get(digest)?.slice();
  }

  has(digest: string): boolean {
    return this.#chunks.has(digest);
  }

  keep(digest: string): boolean {
    if (!this.#chunks.has(digest)) return false;
    this.#ledger.touch(digest);
    return true;
  }

  list(): string[] {
    return [...this.#chunks.keys()].sort();
  }

  async delete(digest: string): Promise<void> {
    this.#sizeBytes -= this.#chunks.get(digest)?.length ?? 0;
    this.#chunks.delete(digest);
    this.#ledger.touch(digest);
  }

  async retain(inUse: Iterable<string>): Promise<string[]> {
    const garbage = this.#ledger.collect(
      this.#chunks.keys(),
      new Set(inUse),
      this.#clock.monotonic(),
    );
    for (const digest of garbage) await this.delete(digest);
    return garbage;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }
}
