import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ResponseHead } from '../response-head.ts';
import type { Exchange, ExchangeUser } from './exchange.ts';

/** An exchange over node:http, for all that the plain parser leaves to it. */
export class ServerExchange implements Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #user: ExchangeUser | undefined;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
  }

  get bodyComplete(): boolean {
    return this.#request.complete;
  }

  use(user: ExchangeUser): void {
    this.#user = user;
    this.#response.once('close', () => user.clientGone());
  }

  readBody(): void {
    const request = this.#request;
    request.on('data', (bytes: Buffer) => this.#user?.bodyBytes(bytes));
    request.on('end', () => this.#user?.bodyEnd(''));
    request.on('error', () => this.#user?.bodyEnd('the client broke off'));
  }

  pauseBody(): void {
    this.#request.pause();
  }

  resumeBody(): void {
    this.#request.resume();
  }

  dropBody(): void {
    this.#request.removeAllListeners('data');
    this.#request.resume();
  }

  closeAfter(): void {
    this.#response.shouldKeepAlive = false;
  }

  respond(status: number, head: ResponseHead, own: string, body: string | Uint8Array): void {
    const headers = withOwn(head, own);
    const bodiless = status === 204 || status === 304;
    if (!bodiless) headers.push('content-length', String(body.length));
    this.#response.writeHead(status, headers);
    if (bodiless || body.length === 0) this.#response.end();
    else if (typeof body === 'string') this.#response.end(body, 'latin1');
    else this.#response.end(body);
  }

  begin(status: number, head: ResponseHead, own: string, lengthBytes: number): void {
    const headers = withOwn(head, own);
    if (lengthBytes >= 0) headers.push('content-length', String(lengthBytes));
    this.#response.writeHead(status, headers);
    this.#response.flushHeaders();
  }

  write(bytes: Uint8Array, taken: () => void): void {
    this.#response.write(bytes, taken);
  }

  end(): void {
    this.#response.end();
  }

  abort(): void {
    this.#response.destroy();
  }
}

function withOwn(head: ResponseHead, own: string): string[] {
  const headers = [...head.flat];
  for (const line of own.split('\r\n')) {
    const at = line.indexOf(': ');
    if (at > 0) headers.push(line.slice(0, at), line.slice(at + 2));
  }
  return headers;
}
