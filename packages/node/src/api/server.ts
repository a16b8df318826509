import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { addressInUse, type Clock } from '@popmesh/contracts';
import { ConnectionBound } from './connection-bound.ts';

/** The control API's listener: HTTP on loopback, HTTPS elsewhere; every wait of a slow client is bounded. */

export interface ApiServer {
  /** host:port actually bound. */
  readonly address: string;
  /** For connections from now on; nothing happens where the listener has no TLS. */
  replaceCertificate(pair: CertificatePair): void;
  /** Stops accepting, waits for requests up to `graceMs`, then cuts them. */
  stop(graceMs: number): Promise<void>;
}

/** PEM. */
export interface CertificatePair {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

export const API_HEADERS_TIMEOUT_MS = 5_000;
/** 50 MB at 5 Mbit/s is 80 s. */
export const API_REQUEST_TIMEOUT_MS = 120_000;
export const API_HEADER_BYTES_MAX = 16 * 1024;
export const API_CONNECTIONS_MAX = 1024;
/** An office behind one address has room for some dozens of command lines. */
export const API_CONNECTIONS_PER_ADDRESS_MAX = 128;

export async function startApiServer(options: {
  readonly host: string;
  readonly port: number;
  readonly tls: CertificatePair | undefined;
  readonly clock: Clock;
  readonly fetch: (request: Request, bindings: unknown) => Response | Promise<Response>;
}): Promise<ApiServer> {
  const listener: RequestListener = getRequestListener(options.fetch, {
    overrideGlobalObjects: false,
  });
  const limits = {
    maxHeaderSize: API_HEADER_BYTES_MAX,
    headersTimeout: API_HEADERS_TIMEOUT_MS,
    requestTimeout: API_REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 15_000,
    connectionsCheckingInterval: 1_000,
  };
  const server: Server =
    options.tls === undefined
      ? createServer(limits, listener)
      : createTlsServer({ ...limits, ...contextOf(options.tls) }, listener);
  new ConnectionBound({
    totalMax: API_CONNECTIONS_MAX,
    perAddressMax: API_CONNECTIONS_PER_ADDRESS_MAX,
  }).watch(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(addressInUse(`${options.host}:${options.port}: ${cause.message}`, cause)),
    );
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  let stopped: Promise<void> | undefined;
  return {
    address: `${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    replaceCertificate: (pair) => {
      if (options.tls !== undefined) (server as TlsServer).setSecureContext(contextOf(pair));
    },
    stop: (graceMs) => {
      stopped ??= new Promise((resolve) => {
        const force = options.clock.setTimer(graceMs, () => server.closeAllConnections());
        server.close(() => {
          force.cancel();
          resolve();
        });
        server.closeIdleConnections();
      });
      return stopped;
    },
  };
}

const contextOf = ({ cert, key }: CertificatePair) => ({
  cert: Buffer.from(cert),
  key: Buffer.from(key),
  minVersion: 'TLSv1.2' as const,
});
