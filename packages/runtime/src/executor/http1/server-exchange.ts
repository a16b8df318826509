import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, dropLateUpload } from '@popmesh/contracts';
import { type ResponseHead, saidLength } from '../response-head.ts';
import type { Exchange, ExchangeUser } from './exchange.ts';

/** An exchange over node:http, for all that the plain parser leaves to it. */
export class ServerExchange implements Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #clock: Pick<Clock, 'setTimer' | 'monotonic'>;
  #user: ExchangeUser | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    clock: Pick<Clock, 'setTimer' | 'monotonic'>,
  ) {
    this.#request = request;
    this.#response = response;
    this.#clock = clock;
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
    request.on('end', () => this.#user?.bodyEnd('', linesOf(request.rawTrailers)));
    request.on('error', () => this.#user?.bodyEnd('the client broke off', ''));
  }

  pauseBody(): void {
    this.#request.pause();
  }

  resumeBody(): void {
    this.#request.resume();
  }

  dropBody(): void {
    // Dropped already, and counted.
    if (this.#response.writableEnded) return;
    this.#request.removeAllListeners('data');
    this.#request.resume();
  }

  closeAfter(): void {
    this.#response.shouldKeepAlive = false;
  }

  respond(status: number, head: ResponseHead, own: string, body: string | Uint8Array): void {
    const headers = withOwn(head, own);
    const bodiless = status === 204 || status === 304;
    const isHead = this.#request.method === 'HEAD';
    if (!bodiless) headers.push('content-length', String(saidLength(isHead, head, body)));
    this.#response.writeHead(status, headers);
    dropLateUpload(this.#request, this.#clock);
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

  end(trailers?: ResponseHead): void {
    // Left out by node:http where there are no chunks.
    if (trailers !== undefined) this.#response.addTrailers(pairsOf(trailers.flat));
    dropLateUpload(this.#request, this.#clock);
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

/** Names and values in turn as lines; what node:http let pass as a value has no line break. */
function linesOf(flat: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < flat.length; i += 2) lines += `${flat[i]?.toLowerCase()}: ${flat[i + 1]}\n`;
  return lines;
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return pairs;
}
