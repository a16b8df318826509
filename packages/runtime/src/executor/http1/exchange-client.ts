import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { RequestHead } from '../request-head.ts';
import type { Exchange, ExchangeUser } from './exchange.ts';

/** Both ends of an exchange for its tests: a client on a raw socket, and the server's user. */

export type Handle = (head: RequestHead, exchange: Exchange) => void;

/** A server whose requests reach `handle` through the implementation under test. */
export type ServerFor = (handle: Handle) => Server;

/** Collects what an exchange says to its user. */
export class User implements ExchangeUser {
  readonly parts: Buffer[] = [];
  ended: string | undefined;
  trailers = '';
  gone = 0;
  readonly #changed: (() => void)[] = [];
  bodyBytes(bytes: Uint8Array): void {
    this.parts.push(Buffer.from(bytes));
    this.#tell();
  }
  bodyEnd(error: string, trailers: string): void {
    this.ended = error;
    this.trailers = trailers;
    this.#tell();
  }
  clientGone(): void {
    this.gone++;
    this.#tell();
  }
  get text(): string {
    return Buffer.concat(this.parts).toString('latin1');
  }
  async until(check: () => boolean): Promise<void> {
    while (!check()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }
  #tell(): void {
    for (const run of this.#changed.splice(0)) run();
  }
}

export class Client {
  readonly socket: Socket;
  #text = '';
  #ended = false;
  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (part: string) => {
      this.#text += part;
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#ended = true;
    });
  }
  send(text: string): void {
    this.socket.write(text, 'latin1');
  }
  /** Everything up to and with what `enough` finds; taken off. */
  async read(enough: RegExp): Promise<string> {
    for (;;) {
      const match = enough.exec(this.#text);
      if (match !== null) {
        const end = match.index + match[0].length;
        const taken = this.#text.slice(0, end);
        this.#text = this.#text.slice(end);
        return taken;
      }
      if (this.#ended) throw new Error(`closed after ${JSON.stringify(this.#text)}`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
  }
  async take(length: number): Promise<string> {
    while (this.#text.length < length) await once(this.socket, 'data');
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }
  async closed(): Promise<string> {
    while (!this.#ended) await once(this.socket, 'close');
    return this.#text;
  }
}

export async function withServer(
  serverFor: ServerFor,
  handle: Handle,
  run: (client: Client, port: number) => Promise<void>,
): Promise<void> {
  const server = serverFor(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new Client(port);
  try {
    await run(client, port);
  } finally {
    client.socket.destroy();
    server.close();
    server.closeAllConnections();
  }
}
