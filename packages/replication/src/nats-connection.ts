import { access } from 'node:fs/promises';
import { type Clock, type Logger, PopmeshError, type Random } from '@popmesh/contracts';
import { type ConnectionOptions, connect, type NatsConnection } from 'nats';
import type { ReplicationConfig } from './config.ts';
import { CLOSE_TIMEOUT_MS } from './limits.ts';
import { identityCheck, isPlainOffLoopback, parseNatsUrl } from './nats-address.ts';
import { fromNatsError } from './nats-errors.ts';

/**
 * Dials until it succeeds. The client's own reconnect is switched off: a
 * connection that ends is thrown away and everything begins anew (streams made
 * sure of, watch subscribed, bucket compared), so that there is one way into
 * every state instead of two.
 */

function options(config: ReplicationConfig): ConnectionOptions {
  const { caFile, certFile, keyFile } = config.tls ?? {};
  const given = parseNatsUrl(config.url);
  const user = config.user ?? given.user;
  const pass = config.password ?? given.password;
  const token = config.token ?? given.token;
  return {
    servers: [...given.servers],
    name: config.clientName,
    reconnect: false,
    timeout: config.connectTimeoutMs,
    pingInterval: config.pingIntervalMs,
    maxPingOut: 2,
    ignoreClusterUpdates: true,
    ...(token === undefined ? {} : { token }),
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    // With it the client leaves a server that has no TLS, before it says who it is.
    ...(given.tls || config.tls !== undefined
      ? {
          tls: {
            // Missing from the client's types, and handed on to Node with all the rest.
            ...({ checkServerIdentity: identityCheck(given.servers) } as object),
            ...(caFile === undefined ? {} : { caFile }),
            ...(certFile === undefined ? {} : { certFile }),
            ...(keyFile === undefined ? {} : { keyFile }),
          },
        }
      : {}),
  };
}

/**
 * What a person should know before the first try. Files are read by the client at each try, but
 * one that is missing now is a mistake to show. Throws `invalid_config`.
 */
export async function checkBeforeDialling(
  config: ReplicationConfig,
  logger: Logger,
): Promise<void> {
  for (const [key, file] of Object.entries(config.tls ?? {})) {
    if (file === undefined) continue;
    await access(file).catch((cause: Error) => {
      const name = key.replace('File', '_file');
      throw new PopmeshError('invalid_config', `nats.tls.${name}: ${cause.message}`, { cause });
    });
  }
  const given = parseNatsUrl(config.url);
  if (config.tls === undefined && isPlainOffLoopback(given)) {
    logger.warn(
      'NATS is spoken to in plain text, off this machine: records and credentials can be read on the way; use tls://',
      {
        servers: given.servers,
      },
    );
  }
}

/** Grows from `minMs` to `maxMs`, each between half and whole, so that nodes do not dial in step. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: Random;
  #attempt = 0;

  constructor(minMs: number, maxMs: number, random: Random) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  next(): number {
    const ceiling = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#attempt++, 30));
    return ceiling / 2 + (this.#random.float() * ceiling) / 2;
  }

  reset(): void {
    this.#attempt = 0;
  }
}

export interface DialDependencies {
  readonly config: ReplicationConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backoff: Backoff;
  readonly onFailed: (reason: string) => void;
}

/** Of one outage: some name a port or a time, and are new each time. */
const REASONS_TOLD_MAX = 8;

/** Rejects only when `signal` aborts. */
export async function dial(
  dependencies: DialDependencies,
  signal: AbortSignal,
): Promise<NatsConnection> {
  const { config, clock, logger, backoff } = dependencies;
  const told = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await dialOnce(config, clock, signal);
    } catch (caught) {
      signal.throwIfAborted();
      const reason = fromNatsError(caught, 'connect').message;
      dependencies.onFailed(reason);
      // The first failure is news, and each other reason; the hundredth time is not.
      const isNews = !told.has(reason) && told.size < REASONS_TOLD_MAX;
      if (isNews) told.add(reason);
      const level = isNews ? 'warn' : 'debug';
      logger[level]('NATS cannot be reached; serving goes on, and dialling too', {
        attempt,
        error: reason,
      });
    }
    await clock.sleep(backoff.next(), signal);
  }
}

/** The client bounds the handshake but not the name look-up, so there is a deadline around both. */
async function dialOnce(
  config: ReplicationConfig,
  clock: Clock,
  signal: AbortSignal,
): Promise<NatsConnection> {
  const dialling = connect(options(config));
  const servers = parseNatsUrl(config.url).servers.length;
  const waited = new AbortController();
  try {
    return await Promise.race([
      dialling,
      rejectAfter(
        clock,
        servers * config.connectTimeoutMs + 500,
        AbortSignal.any([signal, waited.signal]),
      ),
    ]);
  } catch (caught) {
    // Left behind, it must not stay open behind our back.
    dialling.then((connection) => connection.close()).catch(() => {});
    throw caught;
  } finally {
    waited.abort();
  }
}

/** Says good-bye, and does not wait for a server that is gone to hear it. */
export async function closeConnection(connection: NatsConnection, clock: Clock): Promise<void> {
  const waited = new AbortController();
  await Promise.race([
    connection.close().catch(() => {}),
    clock.sleep(CLOSE_TIMEOUT_MS, waited.signal).catch(() => {}),
  ]);
  waited.abort();
}

async function rejectAfter(clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<never> {
  await clock.sleep(timeoutMs, signal);
  throw new PopmeshError('deadline_exceeded', `NATS: connect: no answer within ${timeoutMs} ms`);
}
