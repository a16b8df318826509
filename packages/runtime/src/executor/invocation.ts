import { PopmeshError } from '@popmesh/contracts';
import type { FunctionPlan } from '../plan.ts';
import { BODY_KIND } from '../worker/wire.ts';
import type { UsageRow } from './control.ts';
import type { Exchange, ExchangeUser } from './http1/exchange.ts';
import { checkStatus, type ResponseHead, type ResponseHeaders } from './response-head.ts';
import { sendError } from './send-error.ts';
import { tenths } from './tenths.ts';

/**
 * One request from its head to its last byte, on the HTTP thread. Knows the limits; its
 * connection is an `Exchange`, and where it runs is the slot's affair, reached through `Runner`.
 */

/** As the gateway has it (retry-policy.ts). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** The slot that runs an invocation, as far as the invocation needs it. */
export interface Runner {
  sendChunk(id: number, bytes: Uint8Array): void;
  sendEnd(id: number, error: string, trailers: string): void;
  sendCredit(id: number, bytes: number): void;
  /** Linear memories of the worker, all instances together. */
  readonly memoryBytes: number;
  /** The invocation is over for the client; the guest may not know yet. */
  abandon(invocation: Invocation): void;
}

/** Where requests of one function version wait and run. */
export interface InvocationPool {
  readonly options: { readonly usage: () => UsageRow };
  submit(invocation: Invocation): void;
  /** It is submitted when its body is there. */
  expect(invocation: Invocation): void;
  /** It waits no longer. */
  forget(invocation: Invocation): void;
}

/** The same for all invocations of an executor. */
export interface InvocationHost {
  readonly headers: ResponseHeaders;
  readonly pipeBufferBytes: number;
  now(): number;
  /** Called once, when nothing more can happen. */
  onSettled(invocation: Invocation): void;
}

export interface InvocationOptions {
  readonly id: number;
  readonly requestId: string;
  readonly method: string;
  readonly url: string;
  readonly headerLines: string;
  readonly exchange: Exchange;
  readonly plan: FunctionPlan;
  readonly version: number;
  readonly pool: InvocationPool;
  readonly receivedMs: number;
  readonly deadlineMs: number;
  readonly host: InvocationHost;
}

export class Invocation implements ExchangeUser {
  readonly options: InvocationOptions;
  readonly id: number;
  readonly deadlineMs: number;
  bodyKind: number = BODY_KIND.none;
  /** Whole body, or undefined. */
  body: Uint8Array | undefined;
  contentLength = -1;
  cold = false;
  attempts = 0;
  /** A guest was given it a second time, after another request had ended the first. */
  repeated = false;
  sequence = 0;
  cpuMicros = 0;
  dispatchedMs = 0;
  runner: Runner | undefined;
  settled = false;
  #headSent = false;
  #bytesOut = 0;
  #bytesIn = 0;
  #creditBytes: number;
  #bodyEnded = false;
  /** A body that is waited for before the request is handed on. */
  #collected: Uint8Array | undefined;
  /** Of a streamed answer; -1 where no length was promised. */
  #promisedBytes = -1;

  constructor(options: InvocationOptions) {
    this.options = options;
    this.id = options.id;
    this.deadlineMs = options.deadlineMs;
    this.#creditBytes = options.host.pipeBufferBytes;
  }

  /** Nothing but the client keeps it from going on: all that came of its body was handed on. */
  get awaitsBody(): boolean {
    const hasBody = this.#collected !== undefined || this.bodyKind === BODY_KIND.pipe;
    return hasBody && !this.#bodyEnded && this.#creditBytes > 0;
  }

  /** True while the same request could be given to another worker unseen. */
  get replayable(): boolean {
    return !this.#headSent && this.bodyKind !== BODY_KIND.pipe && !this.settled;
  }

  /** Whether it may run again where a guest may have begun with it: once, and as HTTP allows. */
  get repeatable(): boolean {
    return this.replayable && !this.repeated && IDEMPOTENT.has(this.options.method);
  }

  /** A small body is waited for: one message instead of a stream. */
  collectBody(length: number): void {
    this.#collected = new Uint8Array(length);
    this.options.pool.expect(this);
    this.options.exchange.readBody();
  }

  /** Begins to pass a body on as it comes; after the slot has the request. */
  streamBody(): void {
    this.options.exchange.readBody();
  }

  bodyBytes(bytes: Uint8Array): void {
    if (this.settled) return;
    const before = this.#bytesIn;
    this.#bytesIn += bytes.length;
    if (this.#collected !== undefined) {
      if (this.#bytesIn <= this.#collected.length) this.#collected.set(bytes, before);
      return;
    }
    const limit = this.options.plan.limits.requestBodyBytes;
    if (this.#bytesIn > limit) {
      this.fail(tooLarge(limit));
      return;
    }
    this.#creditBytes -= bytes.length;
    if (this.#creditBytes <= 0) this.options.exchange.pauseBody();
    this.runner?.sendChunk(this.id, bytes);
  }

  bodyEnd(error: string, trailers: string): void {
    if (this.#bodyEnded) return;
    this.#bodyEnded = true;
    if (this.settled) return;
    if (this.#collected === undefined) this.runner?.sendEnd(this.id, error, trailers);
    else if (error === '' && this.#bytesIn === this.#collected.length) {
      this.bodyKind = BODY_KIND.bytes;
      this.body = this.#collected;
      this.options.pool.submit(this);
    }
  }

  /** The guest took this much of the request body. */
  credit(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes > 0 && !this.#bodyEnded) this.options.exchange.resumeBody();
  }

  respond(status: number, headerLines: string, bodyKind: number, content: unknown): void {
    if (this.settled) return;
    let head: ResponseHead;
    try {
      checkStatus(status);
      head = this.options.host.headers.read(headerLines);
    } catch (caught) {
      this.fail(PopmeshError.from(caught, 'invalid_response'));
      return;
    }
    const { exchange, plan } = this.options;
    if (bodyKind === BODY_KIND.pipe) {
      this.#promisedBytes = content as number;
      this.#sendHead(exchange);
      exchange.begin(status, head, this.#ownHeaders(), this.#promisedBytes);
      return;
    }
    let body: string | Uint8Array = '';
    if (bodyKind === BODY_KIND.text) body = Buffer.from(content as string);
    else if (bodyKind !== BODY_KIND.none) body = content as string | Uint8Array;
    if (body.length > plan.limits.responseBodyBytes) {
      this.fail(this.#responseTooLarge());
      return;
    }
    this.#sendHead(exchange);
    this.#bytesOut = body.length;
    exchange.respond(status, head, this.#ownHeaders(), body);
    this.#settle();
  }

  chunk(bytes: Uint8Array): void {
    if (this.settled) return;
    this.#bytesOut += bytes.length;
    if (this.#bytesOut > this.options.plan.limits.responseBodyBytes) {
      this.fail(this.#responseTooLarge());
      return;
    }
    // More than promised would be read as the beginning of the next answer.
    if (this.#promisedBytes >= 0 && this.#bytesOut > this.#promisedBytes) {
      this.fail(new PopmeshError('invalid_response', 'The body is longer than was promised'));
      return;
    }
    const size = bytes.length;
    // Credit is given once the socket has taken the bytes: that is the backpressure.
    this.options.exchange.write(bytes, () => {
      if (!this.settled) this.runner?.sendCredit(this.id, size);
    });
  }

  end(error: string, trailerLines: string): void {
    if (this.settled) return;
    const trailers = this.#trailers(trailerLines);
    const short = this.#promisedBytes >= 0 && this.#bytesOut < this.#promisedBytes;
    const whole = error === '' && (!short || this.options.method === 'HEAD');
    if (whole) this.options.exchange.end(trailers);
    else this.options.exchange.abort();
    this.#settle(whole ? undefined : 'function_threw');
  }

  /** The body is out and was whole, so trailers that are not valid are left out. */
  #trailers(lines: string): ResponseHead | undefined {
    if (lines === '') return undefined;
    try {
      return this.options.host.headers.read(lines);
    } catch {
      return undefined;
    }
  }

  /** Answers with an error, or cuts the connection when the head is out. */
  fail(error: PopmeshError): void {
    if (this.settled) return;
    const { exchange, requestId, version } = this.options;
    if (this.#headSent) exchange.abort();
    else {
      this.#sendHead(exchange);
      sendError(exchange, error, requestId, ['popmesh-version', String(version)]);
    }
    if (this.#collected !== undefined && this.runner === undefined) this.options.pool.forget(this);
    this.#settle(error.code);
    this.runner?.abandon(this);
  }

  clientGone(): void {
    if (this.settled) return;
    this.options.pool.forget(this);
    this.#settle('cancelled');
    this.runner?.abandon(this);
  }

  #sendHead(exchange: Exchange): void {
    this.#headSent = true;
    // The rest of a body nobody reads must not be taken for the next request.
    if (this.bodyKind === BODY_KIND.pipe || this.#collected !== undefined) {
      if (!this.#bodyEnded && !exchange.bodyComplete) exchange.closeAfter();
    }
  }

  #responseTooLarge(): PopmeshError {
    const max = this.options.plan.limits.responseBodyBytes;
    return new PopmeshError('response_too_large', 'The response body exceeds the limit', {
      details: { limit: 'response_body_mb', max: max / 1024 / 1024 },
    });
  }

  #ownHeaders(): string {
    const { version, receivedMs, host } = this.options;
    const queue = tenths(this.dispatchedMs - receivedMs);
    const run = tenths(host.now() - this.dispatchedMs);
    const start = this.cold ? 'cold' : 'warm';
    return `popmesh-version: ${version}\r\npopmesh-start: ${start}\r\nserver-timing: queue;dur=${queue}, run;dur=${run}\r\n`;
  }

  #settle(errorCode?: string): void {
    this.settled = true;
    const { plan, receivedMs, exchange, host } = this.options;
    const usage = this.options.pool.options.usage();
    const nowMs = host.now();
    if (this.bodyKind === BODY_KIND.pipe && !this.#bodyEnded) exchange.dropBody();
    const wallMs = this.dispatchedMs === 0 ? 0 : nowMs - this.dispatchedMs;
    usage.requests++;
    if (errorCode !== undefined) usage.errors++;
    if (this.cold) usage.coldStarts++;
    usage.wallMs += nowMs - receivedMs;
    usage.bytesIn += this.#bytesIn;
    usage.bytesOut += this.#bytesOut;
    usage.memoryBytesMax = Math.max(usage.memoryBytesMax, this.runner?.memoryBytes ?? 0);
    usage.gbSeconds += ((plan.limits.memoryMb / 1024) * wallMs) / 1000;
    host.onSettled(this);
  }
}

export const tooLarge = (limitBytes: number): PopmeshError =>
  new PopmeshError('payload_too_large', 'The request body exceeds the limit', {
    details: { limit: 'request_body_mb', max: limitBytes / 1024 / 1024 },
  });
