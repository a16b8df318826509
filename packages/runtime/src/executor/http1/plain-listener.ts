import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, LATE_UPLOAD_MS } from '@popmesh/contracts';
import type { RequestHead } from '../request-head.ts';
import type { Exchange } from './exchange.ts';
import { type ConnectionHost, PlainConnection } from './plain-connection.ts';
import { PlainParser } from './plain-request.ts';

/**
 * Stands before node:http on its own listener: a connection is ours as long as its requests are
 * plain, and node:http's from the first that is not. Limits of time are looked after by one
 * sweep over all connections, not by a timer for each request.
 */

export interface PlainListenerOptions {
  readonly server: Server;
  readonly clock: Clock;
  readonly keepAliveTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly handle: (head: RequestHead, exchange: Exchange) => void;
}

/** As node:http: the client is told a little less than what holds. */
const KEEP_ALIVE_GRACE_MS = 1_000;

export class PlainListener implements ConnectionHost {
  readonly parser = new PlainParser();
  readonly stalledMs: number;
  readonly #options: PlainListenerOptions;
  readonly #connections = new Set<PlainConnection>();
  readonly #toHttp: (socket: Socket) => void;
  readonly #keepAlive: string;
  #keepTail = '';
  #closeTail = '';

  constructor(options: PlainListenerOptions) {
    this.#options = options;
    this.stalledMs = options.keepAliveTimeoutMs;
    this.#keepAlive = `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(options.keepAliveTimeoutMs / 1000)}\r\n\r\n`;
    const { server } = options;
    const [handler, ...others] = server.listeners('connection');
    if (handler === undefined || others.length > 0) {
      throw new Error('a server of node:http has one handler of connections');
    }
    this.#toHttp = (socket) => handler.call(server, socket);
    server.off('connection', handler as (socket: Socket) => void);
    server.on('connection', (socket: Socket) => {
      const connection = new PlainConnection(socket, this);
      connection.sinceMs = options.clock.monotonic();
      this.#connections.add(connection);
    });
    this.#setDate();
  }

  /** Connections that are still plain. */
  get size(): number {
    return this.#connections.size;
  }

  tail(keepAlive: boolean): string {
    return keepAlive ? this.#keepTail : this.#closeTail;
  }

  handle(head: RequestHead, exchange: Exchange): void {
    this.#options.handle(head, exchange);
  }

  handOver(connection: PlainConnection, socket: Socket, unread: Buffer): void {
    this.#connections.delete(connection);
    // Paused until the other parser listens, so that nothing is read past it.
    socket.pause();
    socket.unshift(unread);
    this.#toHttp(socket);
    socket.resume();
  }

  onClosed(connection: PlainConnection): void {
    this.#connections.delete(connection);
  }

  closeIdle(): void {
    for (const connection of this.#connections) if (connection.isIdle) connection.closeSoon();
  }

  closeAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  /** Called a few times a second: the date of answers, and connections that are silent too long. */
  sweep(nowMs: number): void {
    this.#setDate();
    const { keepAliveTimeoutMs, headersTimeoutMs } = this.#options;
    for (const connection of this.#connections) {
      const quiet = connection.isIdle || connection.isClosing;
      if (!quiet || connection.seen !== connection.served) {
        if (connection.served > 0) connection.sinceMs = nowMs;
        connection.seen = quiet ? connection.served : -1;
      }
      if (!quiet) continue;
      const forMs = nowMs - connection.sinceMs;
      if (connection.isClosing) {
        if (forMs >= (connection.isLingering ? LATE_UPLOAD_MS : headersTimeoutMs)) {
          connection.destroy();
        }
      } else if (connection.served === 0) {
        if (forMs >= headersTimeoutMs) connection.refuseLate();
      } else if (forMs >= keepAliveTimeoutMs + KEEP_ALIVE_GRACE_MS) connection.closeSoon();
    }
  }

  #setDate(): void {
    const date = `date: ${new Date(this.#options.clock.now()).toUTCString()}\r\n`;
    this.#keepTail = date + this.#keepAlive;
    this.#closeTail = `${date}connection: close\r\n\r\n`;
  }
}
