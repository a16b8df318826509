import { createServer, type Server, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { addressInUse, PopmeshError } from '@popmesh/contracts';
import type { LimitsConfig } from './config.ts';
import type { Front } from './front.ts';

/** The listener for clients, with every limit that keeps a slow or odd one from harming others. */

const CHECK_INTERVAL_MS = 1_000;

const STATUS_BY_PARSER_CODE: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

export function createFrontServer(front: Front, limits: LimitsConfig): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      insecureHTTPParser: false,
      requireHostHeader: true,
    },
    (req, res) => front.handle(req, res),
  );
  // Node would drop what is over the count in silence; `Front` refuses instead.
  server.maxHeadersCount = 0;
  limitServer(server, limits);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    refuseUnparsed(error, socket as Socket),
  );
  server.on('connect', (_req, socket) => socket.destroy());
  // What is refused is refused before its sender has put a body on its way.
  server.on('checkContinue', (req, res) => front.handle(req, res, true));
  server.on('drop', () => front.dropped());
  guard(server, front);
  return server;
}

/** Connections are counted before node:http makes anything of them: a refused one costs an accept. */
function guard(server: Server, front: Front): void {
  const [serve, ...others] = server.listeners('connection');
  if (serve === undefined || others.length > 0) {
    throw new Error('a server of node:http has one handler of connections');
  }
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (front.connected(socket)) serve.call(server, socket);
    else socket.resetAndDestroy();
  });
}

/** What may be other while the server runs; connections that are open keep their idle times. */
export function limitServer(server: Server, limits: LimitsConfig): void {
  server.headersTimeout = limits.headersTimeoutMs;
  server.requestTimeout = limits.requestTimeoutMs;
  server.keepAliveTimeout = limits.idleTimeoutMs;
  server.maxConnections = limits.connectionsMax;
  server.timeout = limits.stallTimeoutMs;
}

function refuseUnparsed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET' || socket.bytesWritten > 0) {
    // After an answer on this connection a second one could be taken for the next request's.
    socket.destroy();
    return;
  }
  const status = STATUS_BY_PARSER_CODE[error.code ?? ''] ?? 400;
  const message = `the request is not valid HTTP/1.1 (${error.code ?? 'unknown'})`;
  const body = JSON.stringify({ error: new PopmeshError('invalid_argument', message) });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\n` +
      `popmesh-error: invalid_argument\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  );
}

/** host:port actually bound. Throws `address_in_use`. */
export function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => reject(addressInUse(`${host}:${port}`, cause));
    server.once('error', failed);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', failed);
      const bound = server.address() as AddressInfo;
      const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
      resolve(`${shown}:${bound.port}`);
    });
  });
}

/** Idle connections go at once; running requests keep theirs until `closeAllConnections`. */
export const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
