import type { ChunkStorage } from '@popmesh/artifacts';
import {
  type Clock,
  type Logger,
  type Metrics,
  type OpaqueRecord,
  revisionTimeMs,
} from '@popmesh/contracts';
import { FUNCTION_PREFIX, TOMBSTONE_KEPT_MS } from '@popmesh/protocol';
import type { FunctionView, Registry } from '@popmesh/replication';

/**
 * What may be forgotten: chunks that no version refers to any more (the store
 * adds a grace of its own), and tombstones after seven days, when every node
 * that still comes back has learned of them.
 */

export const RETENTION_EVERY_MS = 10 * 60_000;

/** Chunks of every version that a roll-back could ask for. */
export function chunksInUse(views: readonly FunctionView[]): Set<string> {
  const inUse = new Set<string>();
  for (const view of views) {
    for (const version of view.versions) {
      for (const chunk of version.artifact?.chunks ?? []) inUse.add(chunk.digest);
    }
  }
  return inUse;
}

export interface RetentionOptions {
  readonly registry: Pick<Registry, 'list' | 'get'>;
  /** Released claims are tombstones, too. */
  readonly hosts?: { forgetReleased(beforeMs: number): Promise<void> };
  readonly table: {
    list(prefix: string): OpaqueRecord[];
    forget(key: string, revision: bigint): Promise<unknown>;
  };
  readonly store: Pick<ChunkStorage, 'retain'>;
  readonly tombstoneKeepMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class Retention {
  readonly #options: RetentionOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async collect(): Promise<void> {
    const { registry, store, table, clock, logger, metrics } = this.#options;
    const views = registry.list();
    const deleted = await store.retain(chunksInUse(views));
    metrics
      .counter('popmesh_chunks_collected_total', 'Chunks deleted as unused')
      .add(deleted.length);
    if (deleted.length > 0) logger.info('unused chunks deleted', { chunks: deleted.length });
    const keepMs = this.#options.tombstoneKeepMs ?? TOMBSTONE_KEPT_MS;
    for (const { key, revision } of table.list(FUNCTION_PREFIX)) {
      const view = registry.get(key.slice(FUNCTION_PREFIX.length) as `${string}/${string}`);
      if (view?.deleted && revisionTimeMs(revision) + keepMs < clock.now()) {
        await table.forget(key, revision);
      }
    }
    await this.#options.hosts?.forgetReleased(clock.now() - keepMs);
  }

  async #loop(): Promise<void> {
    const { clock, logger } = this.#options;
    while (!this.#abort.signal.aborted) {
      try {
        await clock.sleep(RETENTION_EVERY_MS, this.#abort.signal);
        await this.collect();
      } catch (error) {
        if (!this.#abort.signal.aborted) logger.warn('collecting garbage failed', { error });
      }
    }
  }
}
