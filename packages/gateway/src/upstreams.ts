import { Pool } from 'undici';
import type { Endpoint } from './endpoint.ts';

/**
 * Kept-alive connections, one pool per data plane. Pipelining is off: a reset
 * would then hit requests that were never looked at.
 */

export interface UpstreamOptions {
  readonly connections: number;
  readonly connectTimeoutMs: number;
}

/** Below the 5 s after which node:http closes idle connections, so that we close first. */
const IDLE_CONNECTION_MS = 4_000;
/** Longest silence in the middle of a response body. */
export const BODY_STALL_MS = 60_000;

export class Upstreams {
  readonly #options: UpstreamOptions;
  readonly #pools = new Map<Endpoint, Pool>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  pool(endpoint: Endpoint): Pool {
    const held = this.#pools.get(endpoint);
    if (held !== undefined) return held;
    const pool = new Pool(`http://${endpoint.address}`, {
      connections: this.#options.connections,
      pipelining: 1,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      // Deadlines are the watchdog's: one timer for all instead of one per request.
      headersTimeout: 0,
      bodyTimeout: BODY_STALL_MS,
      connectTimeout: this.#options.connectTimeoutMs,
      maxHeaderSize: 64 * 1024,
      allowH2: false,
    });
    this.#pools.set(endpoint, pool);
    return pool;
  }

  /** Lets running requests finish. */
  retire(endpoint: Endpoint): void {
    const pool = this.#pools.get(endpoint);
    this.#pools.delete(endpoint);
    pool?.close().catch(() => {});
  }

  async stop(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.allSettled(pools.map((pool) => pool.destroy()));
  }
}
