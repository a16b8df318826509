import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { clientKey } from '@popmesh/contracts';

/**
 * Bounds the connections of the control API, in all and for each address. Where there is no room
 * the oldest that has never asked for anything makes some, of that address or of all, so that
 * 1,000 connections that say nothing keep no health check out. Refused: Node's `maxConnections`
 * alone, which turns away whoever comes last.
 */

export interface ConnectionLimits {
  readonly totalMax: number;
  readonly perAddressMax: number;
}

interface Held {
  readonly address: string;
  readonly socket: Socket;
}

export class ConnectionBound {
  readonly #limits: ConnectionLimits;
  /** By far end: behind TLS a request has another socket. Oldest first. */
  readonly #held = new Map<string, Held>();
  readonly #silent = new Map<string, Held>();
  readonly #byAddress = new Map<string, number>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get connections(): number {
    return this.#held.size;
  }

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#admit(socket));
    server.on('request', ({ socket }) => this.#silent.delete(farEnd(socket)));
  }

  #admit(socket: Socket): void {
    const { remoteAddress } = socket;
    const key = farEnd(socket);
    if (remoteAddress === undefined) return void socket.destroy();
    const address = clientKey(remoteAddress);
    const { totalMax, perAddressMax } = this.#limits;
    const isFull = (): boolean => (this.#byAddress.get(address) ?? 0) >= perAddressMax;
    if (isFull()) this.#close((it) => it.address === address);
    if (this.#held.size >= totalMax) this.#close(() => true);
    if (isFull() || this.#held.size >= totalMax) return void socket.destroy();
    const held = { address, socket };
    this.#held.set(key, held);
    this.#silent.set(key, held);
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
    socket.once('close', () => this.#forget(key, held));
  }

  /** The oldest silent one that fits; its place is free at once. */
  #close(fits: (held: Held) => boolean): void {
    for (const [key, held] of this.#silent) {
      if (!fits(held)) continue;
      this.#forget(key, held);
      held.socket.destroy();
      return;
    }
  }

  #forget(key: string, held: Held): void {
    if (this.#held.get(key) !== held) return;
    this.#held.delete(key);
    this.#silent.delete(key);
    const left = (this.#byAddress.get(held.address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(held.address, left);
    else this.#byAddress.delete(held.address);
  }
}

const farEnd = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
