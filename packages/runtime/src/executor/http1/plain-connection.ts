import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { LATE_UPLOAD_BYTES_MAX } from '@popmesh/contracts';
import type { RawBuffer } from '../../ring/byte-ring.ts';
import type { RequestHead } from '../request-head.ts';
import { type ResponseHead, saidLength } from '../response-head.ts';
import type { Exchange, ExchangeUser } from './exchange.ts';
import type { PlainParser } from './plain-request.ts';

/**
 * A client's connection as long as its requests are plain. One object is the exchange of each of
 * its requests in turn, so that a request leaves little garbage. Pipelined requests wait until
 * the one before is answered and the client has taken the answer.
 */

export interface ConnectionHost {
  readonly parser: PlainParser;
  /** The last header lines of an answer, by whether the connection stays. */
  tail(keepAlive: boolean): string;
  /** How long a client may take nothing of an answer. */
  readonly stalledMs: number;
  handle(head: RequestHead, exchange: Exchange): void;
  /** The next request is not plain: the connection is node:http's from here, bytes included. */
  handOver(connection: PlainConnection, socket: Socket, unread: Buffer): void;
  onClosed(connection: PlainConnection): void;
}

/** Bytes of later requests that are kept while one is served; the rest stays in the kernel. */
const UNREAD_BYTES_MAX = 64 * 1024;

const STATUS_LINES: readonly string[] = Array.from(
  { length: 600 },
  (_, status) => `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`,
);

export class PlainConnection implements Exchange {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  #state: 'open' | 'closing' | 'gone' = 'open';
  /** A request is being served. */
  #busy = false;
  #user: ExchangeUser | undefined;
  #unread: Buffer | undefined;
  #bodyLeft = 0;
  #reading = false;
  #userPaused = false;
  #paused = false;
  #pumping = false;
  #close = false;
  #sendsBody = true;
  #chunked = false;
  #stalling = false;
  #isHead = false;
  /** Of a body that was answered before it was whole: what may still come, and is dropped. */
  #lateBytes = 0;
  /** For the sweep: requests begun, as many as it saw last, and since when. */
  served = 0;
  seen = -1;
  sinceMs = 0;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
    socket.on('error', ignore);
  }

  get isIdle(): boolean {
    return !this.#busy && this.#state === 'open' && !this.#stalling;
  }

  get isClosing(): boolean {
    return this.#state === 'closing';
  }

  /** All is said, and the client still sends a body that nobody wants. */
  get isLingering(): boolean {
    return this.#state === 'closing' && this.#lateBytes > 0 && this.#socket.writableFinished;
  }

  get bodyComplete(): boolean {
    return this.#bodyLeft === 0;
  }

  use(user: ExchangeUser): void {
    this.#user = user;
  }

  readBody(): void {
    this.#reading = true;
    if (!this.#pumping) this.#pump();
  }

  pauseBody(): void {
    this.#userPaused = true;
    this.#setFlow();
  }

  resumeBody(): void {
    if (!this.#userPaused) return;
    this.#userPaused = false;
    if (!this.#pumping) this.#pump();
  }

  /** The connection closes then, since only an answer before its body's end leaves any. */
  dropBody(): void {
    if (this.#bodyLeft > 0) this.#close = true;
  }

  closeAfter(): void {
    this.#close = true;
  }

  respond(status: number, head: ResponseHead, own: string, body: string | Uint8Array): void {
    const bodiless = status === 204 || status === 304;
    const length = bodiless ? '' : `content-length: ${saidLength(this.#isHead, head, body)}\r\n`;
    const text = this.#head(status, head, own, length);
    const socket = this.#socket;
    if (bodiless || this.#isHead || body.length === 0) socket.write(text, 'latin1');
    else if (typeof body === 'string') socket.write(text + body, 'latin1');
    else {
      socket.cork();
      socket.write(text, 'latin1');
      socket.write(body);
      socket.uncork();
    }
    this.#finish();
  }

  begin(status: number, head: ResponseHead, own: string, lengthBytes: number): void {
    this.#sendsBody = !(this.#isHead || status === 204 || status === 304);
    this.#chunked = this.#sendsBody && lengthBytes < 0;
    let framing = lengthBytes >= 0 ? `content-length: ${lengthBytes}\r\n` : '';
    if (this.#chunked) framing = 'transfer-encoding: chunked\r\n';
    this.#socket.write(this.#head(status, head, own, framing), 'latin1');
  }

  write(bytes: Uint8Array, taken: () => void): void {
    const socket = this.#socket;
    if (!this.#sendsBody || bytes.length === 0) process.nextTick(taken);
    else if (!this.#chunked) socket.write(bytes, taken);
    else {
      socket.cork();
      socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
      socket.write(bytes, taken);
      socket.write('\r\n', 'latin1');
      socket.uncork();
    }
  }

  end(trailers?: ResponseHead): void {
    if (this.#chunked) this.#socket.write(`0\r\n${trailers?.text ?? ''}\r\n`, 'latin1');
    this.#finish();
  }

  abort(): void {
    this.destroy();
  }

  /** Ends it when it may: after what is being served, at once when nothing is. */
  closeSoon(): void {
    this.#close = true;
    if (!this.#busy) this.#shut();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** A client that connected and said nothing in time. */
  refuseLate(): void {
    this.#socket.write('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n', 'latin1');
    this.#shut();
  }

  #head(status: number, head: ResponseHead, own: string, framing: string): string {
    if (this.#bodyLeft > 0) this.#close = true;
    return STATUS_LINES[status] + head.text + own + framing + this.#host.tail(!this.#close);
  }

  #finish(): void {
    this.#busy = false;
    this.#user = undefined;
    // Paused by its last bytes, nobody would resume it for the next request.
    this.#userPaused = false;
    if (this.#close) this.#shut();
    else if (this.#socket.writableNeedDrain) {
      // No further request is looked at before the client took this answer.
      this.#stalling = true;
      this.#socket.setTimeout(this.#host.stalledMs, this.#onStalled);
    } else if (!this.#pumping) this.#pump();
  }

  #shut(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    const unreadBytes = this.#unread?.length ?? 0;
    this.#unread = undefined;
    this.#setFlow();
    if (this.#bodyLeft <= unreadBytes) {
      this.#socket.destroySoon();
      return;
    }
    // Closed over unread bytes, the kernel would reset it, and the client lose the answer.
    this.#bodyLeft -= unreadBytes;
    this.#lateBytes = LATE_UPLOAD_BYTES_MAX;
    this.#socket.end(() => {
      // The sweep counts its time from here.
      this.seen = -1;
    });
  }

  #drop(size: number): void {
    if (this.#lateBytes <= 0) return;
    this.#bodyLeft -= size;
    this.#lateBytes = this.#bodyLeft > 0 ? this.#lateBytes - size : 0;
    if (this.#lateBytes <= 0) this.#socket.destroySoon();
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#state !== 'open') {
      this.#drop(bytes.length);
      return;
    }
    this.#unread = this.#unread === undefined ? bytes : Buffer.concat([this.#unread, bytes]);
    if (!this.#pumping) this.#pump();
  };

  readonly #onDrain = (): void => {
    if (!this.#stalling) return;
    this.#stalling = false;
    this.#socket.setTimeout(0, this.#onStalled);
    this.#pump();
  };

  readonly #onStalled = (): void => this.destroy();

  readonly #onEnd = (): void => {
    this.#gone();
    this.#socket.destroySoon();
  };

  readonly #onClose = (): void => {
    this.#gone();
    this.#host.onClosed(this);
  };

  #gone(): void {
    this.#state = 'gone';
    this.#unread = undefined;
    const user = this.#user;
    this.#user = undefined;
    user?.clientGone();
  }

  /** Gives what was read to where it belongs: the body of this request, the next request. */
  #pump(): void {
    this.#pumping = true;
    while (this.#state === 'open' && this.#unread !== undefined && !this.#stalling) {
      if (!this.#busy) {
        if (!this.#beginRequest(this.#unread)) return;
      } else if (this.#bodyLeft > 0 && this.#reading && !this.#userPaused) {
        this.#giveBody(this.#unread);
      } else break;
    }
    this.#pumping = false;
    this.#setFlow();
  }

  #giveBody(unread: Buffer): void {
    const size = Math.min(this.#bodyLeft, unread.length);
    this.#unread = size < unread.length ? unread.subarray(size) : undefined;
    this.#bodyLeft -= size;
    const user = this.#user;
    user?.bodyBytes(size < unread.length ? unread.subarray(0, size) : unread);
    if (this.#bodyLeft === 0) user?.bodyEnd('', '');
  }

  /** False when the connection was handed over. */
  #beginRequest(bytes: Buffer): boolean {
    const { parser } = this.#host;
    const bodyAt = parser.parse(bytes as unknown as RawBuffer);
    if (bodyAt === 0) {
      this.#handOver(bytes);
      return false;
    }
    const { head } = parser;
    this.#unread = bodyAt < bytes.length ? bytes.subarray(bodyAt) : undefined;
    this.#bodyLeft = Math.max(0, head.contentLength);
    this.#isHead = head.method === 'HEAD';
    this.#busy = true;
    this.#reading = false;
    this.#userPaused = false;
    this.#sendsBody = true;
    this.#chunked = false;
    this.served++;
    this.#host.handle(head, this);
    return true;
  }

  #handOver(unread: Buffer): void {
    const socket = this.#socket;
    this.#state = 'gone';
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
    socket.off('drain', this.#onDrain);
    this.#host.handOver(this, socket, unread);
    socket.off('error', ignore);
  }

  /** Reads on only where what comes has a place to go. */
  #setFlow(): void {
    const full = this.#unread !== undefined && this.#unread.length >= UNREAD_BYTES_MAX;
    const paused = this.#state === 'open' && (full || this.#userPaused);
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#socket.pause();
    else this.#socket.resume();
  }
}

const ignore = (): void => {};
