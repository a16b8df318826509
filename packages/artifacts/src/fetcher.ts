import {
  type Clock,
  type Counter,
  type Logger,
  type Metrics,
  noMetrics,
  PopmeshError,
  silentLogger,
} from '@popmesh/contracts';
import type { ArtifactManifest } from '@popmesh/protocol';
import type { ChunkSource } from './chunk-source.ts';
import type { ChunkStorage } from './chunk-storage.ts';
import { type ArtifactsConfig, defaultArtifactsConfig } from './config.ts';
import { sha256Hex } from './digest.ts';
import { checkManifest } from './manifest.ts';
import { Semaphore } from './semaphore.ts';
import { SharedWork } from './shared-work.ts';
import { SourceConduct } from './source-conduct.ts';
import { withDeadline } from './with-deadline.ts';

/**
 * Brings the chunks of an artifact here, from whoever is nearest and has them.
 * Every byte is checked against its digest before it is stored, so a source can
 * waste our time but never change what runs.
 */

interface ChunkRef {
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface ArtifactFetcherOptions {
  readonly store: ChunkStorage;
  /** Nearest first, JetStream last; asked anew for each chunk. */
  readonly sources: () => readonly ChunkSource[];
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly config?: ArtifactsConfig;
}

export class ArtifactFetcher {
  readonly #store: ChunkStorage;
  readonly #sources: () => readonly ChunkSource[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #config: ArtifactsConfig;
  readonly #conduct: SourceConduct;
  readonly #artifacts = new SharedWork<void>();
  readonly #chunks = new SharedWork<void>();
  readonly #permits: Semaphore;
  readonly #fetchedBytes: Counter;
  readonly #refused: Counter;

  constructor(options: ArtifactFetcherOptions) {
    this.#store = options.store;
    this.#sources = options.sources;
    this.#clock = options.clock;
    this.#logger = options.logger ?? silentLogger;
    this.#config = options.config ?? defaultArtifactsConfig;
    this.#conduct = new SourceConduct(this.#config);
    this.#permits = new Semaphore(this.#config.fetchConcurrency);
    const metrics = options.metrics ?? noMetrics;
    this.#fetchedBytes = metrics.counter(
      'popmesh_chunk_fetched_bytes_total',
      'Chunk bytes fetched',
    );
    this.#refused = metrics.counter(
      'popmesh_chunk_refused_total',
      'Chunks refused because the bytes did not match their digest',
    );
  }

  /**
   * Resolves when every chunk is in the store. Single flight per artifact, and
   * per chunk over artifacts. Throws `invalid_argument` for a manifest that is
   * wrong in itself, `unavailable` when no source has a chunk, `digest_mismatch`
   * when all who claimed to have it sent other bytes, `storage_failed`.
   */
  ensure(manifest: ArtifactManifest, signal: AbortSignal): Promise<void> {
    return this.#artifacts.run(manifest.digest, signal, async (shared) => {
      checkManifest(manifest);
      const missing = new Map<string, ChunkRef>();
      for (const ref of manifest.chunks) {
        // A collection that judged it before the record came must not take what is relied on now.
        if (!this.#store.keep(ref.digest)) missing.set(ref.digest, ref);
      }
      if (missing.size === 0) return;
      const stop = new AbortController();
      const both = AbortSignal.any([shared, stop.signal]);
      try {
        await Promise.all([...missing.values()].map((ref) => this.#ensureChunk(ref, both)));
      } catch (caught) {
        // The artifact is lost for now: the chunks still waiting need not be fetched.
        stop.abort(caught);
        throw caught;
      }
    });
  }

  /** The whole component, verified. Chunks that rotted on disk are fetched again, once. */
  async load(manifest: ArtifactManifest, signal?: AbortSignal): Promise<Uint8Array> {
    const until = signal ?? new AbortController().signal;
    await this.ensure(manifest, until);
    const bytes = (await this.#join(manifest)) ?? (await this.#refetch(manifest, until));
    if (sha256Hex(bytes) !== manifest.digest) {
      throw new PopmeshError(
        'digest_mismatch',
        `the chunks of ${manifest.digest} are another file`,
      );
    }
    return bytes;
  }

  async #refetch(manifest: ArtifactManifest, signal: AbortSignal): Promise<Uint8Array> {
    await this.ensure(manifest, signal);
    const bytes = await this.#join(manifest);
    if (bytes !== undefined) return bytes;
    throw new PopmeshError('storage_failed', `chunks of ${manifest.digest} do not stay readable`, {
      hint: 'Check the disk of this node.',
      details: { reason: 'chunks_unreadable' },
    });
  }

  /** Undefined when a chunk is not there, or no longer itself. */
  async #join(manifest: ArtifactManifest): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(Number(manifest.sizeBytes));
    let at = 0;
    let complete = true;
    for (const ref of manifest.chunks) {
      const chunk = await this.#store.get(ref.digest);
      // Reads on after a bad chunk, so that all of them are found and fetched together.
      if (chunk === undefined) complete = false;
      else if (chunk.length !== ref.sizeBytes) {
        throw new PopmeshError('digest_mismatch', `the manifest misstates chunk ${ref.digest}`);
      } else if (complete) bytes.set(chunk, at);
      at += ref.sizeBytes;
    }
    return complete ? bytes : undefined;
  }

  #ensureChunk(ref: ChunkRef, signal: AbortSignal): Promise<void> {
    return this.#chunks.run(ref.digest, signal, (shared) =>
      this.#permits.run(async () => {
        shared.throwIfAborted();
        if (!this.#store.keep(ref.digest)) await this.#store.put(await this.#fetch(ref, shared));
      }),
    );
  }

  async #fetch(ref: ChunkRef, signal: AbortSignal): Promise<Uint8Array> {
    let lies = 0;
    let failures = 0;
    const sources = this.#conduct.order(this.#sources(), this.#clock.monotonic());
    for (const source of sources) {
      signal.throwIfAborted();
      try {
        const bytes = await this.#ask(source, ref, signal);
        if (bytes === undefined) continue;
        if (bytes.length === ref.sizeBytes && sha256Hex(bytes) === ref.digest) {
          this.#conduct.served(source.id);
          this.#fetchedBytes.add(bytes.length);
          return bytes;
        }
        lies++;
        this.#strike(source, ref);
      } catch (caught) {
        signal.throwIfAborted();
        const error = PopmeshError.from(caught, 'peer_unavailable');
        if (error.code === 'peer_misbehaved' || error.code === 'digest_mismatch') {
          lies++;
          this.#strike(source, ref);
        } else {
          failures++;
          this.#conduct.failed(source.id, this.#clock.monotonic());
          this.#logger.debug('a source failed to send a chunk', {
            source: source.id,
            digest: ref.digest,
            error: error.message,
          });
        }
      }
    }
    throw new PopmeshError(
      lies > 0 ? 'digest_mismatch' : 'unavailable',
      `no source has chunk ${ref.digest}`,
      { details: { sources: sources.length, lies, failures } },
    );
  }

  #ask(source: ChunkSource, ref: ChunkRef, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return withDeadline(this.#clock, this.#config.chunkTimeoutMs, signal, (bounded) =>
      source.fetch(ref.digest, { signal: bounded, sizeBytesMax: ref.sizeBytes }),
    );
  }

  #strike(source: ChunkSource, ref: ChunkRef): void {
    this.#refused.add();
    const benched = this.#conduct.lied(source.id, this.#clock.monotonic());
    this.#logger.warn('a source sent wrong bytes', {
      source: source.id,
      digest: ref.digest,
      benched,
    });
  }
}
