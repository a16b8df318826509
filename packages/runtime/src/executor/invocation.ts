import type { IncomingMessage, ServerResponse } from 'node:http';
import { PopmeshError } from '@popmesh/contracts';
import type { FunctionPlan } from '../plan.ts';
import { BODY_KIND } from '../worker/wire.ts';
import type { UsageRow } from './control.ts';
import { checkStatus, type ResponseHeaders } from './response-head.ts';
import { sendError } from './send-error.ts';

/**
 * One request from its head to its last byte, on the HTTP thread. Knows HTTP and the
 * limits; where it runs is the slot's affair, which it reaches through `Runner`.
 */

/** The slot that runs an invocation, as far as the invocation needs it. */
export interface Runner {
  sendChunk(id: number, bytes: Uint8Array): void;
  sendEnd(id: number, error: string): void;
  sendCredit(id: number, bytes: number): void;
  /** Linear memories of the worker, all instances together. */
  readonly memoryBytes: number;
  /** The invocation is over for the client; the guest may not know yet. */
  abandon(invocation: Invocation): void;
}

export interface InvocationOptions {
  readonly id: number;
  readonly requestId: string;
  readonly method: string;
  readonly url: string;
  readonly headerLines: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly plan: FunctionPlan;
  readonly version: number;
  /** The row of the present report. */
  readonly usage: () => UsageRow;
  readonly receivedMs: number;
  readonly deadlineMs: number;
  readonly headers: ResponseHeaders;
  readonly pipeBufferBytes: number;
  readonly now: () => number;
  /** Called once, when nothing more can happen. */
  readonly onSettled: (invocation: Invocation) => void;
}

export class Invocation {
  readonly options: InvocationOptions;
  readonly id: number;
  readonly deadlineMs: number;
  bodyKind: number = BODY_KIND.none;
  /** Whole body, or undefined. */
  body: Uint8Array | undefined;
  contentLength = -1;
  cold = false;
  attempts = 0;
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

  constructor(options: InvocationOptions) {
    this.options = options;
    this.id = options.id;
    this.deadlineMs = options.deadlineMs;
    this.#creditBytes = options.pipeBufferBytes;
  }

  /** True while the same request could be given to another worker unseen. */
  get replayable(): boolean {
    return !this.#headSent && this.bodyKind !== BODY_KIND.pipe && !this.settled;
  }

  /** Begins to pass a body on as it comes; after the slot has the request. */
  streamBody(): void {
    const { request } = this.options;
    const limit = this.options.plan.limits.requestBodyBytes;
    request.on('data', (bytes: Buffer) => {
      if (this.settled) return;
      this.#bytesIn += bytes.length;
      if (this.#bytesIn > limit) {
        this.fail(tooLarge(limit));
        return;
      }
      this.#creditBytes -= bytes.length;
      if (this.#creditBytes <= 0) request.pause();
      this.runner?.sendChunk(this.id, bytes);
    });
    request.on('end', () => this.#endBody(''));
    request.on('error', () => this.#endBody('the client broke off'));
  }

  countBody(bytes: number): void {
    this.#bytesIn += bytes;
  }

  /** The guest took this much of the request body. */
  credit(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes > 0 && !this.#bodyEnded) this.options.request.resume();
  }

  respond(status: number, headerLines: string, bodyKind: number, body: unknown): void {
    if (this.settled) return;
    let size = 0;
    let headers: string[];
    try {
      checkStatus(status);
      headers = [...this.options.headers.read(headerLines)];
    } catch (caught) {
      this.fail(PopmeshError.from(caught, 'invalid_response'));
      return;
    }
    if (bodyKind === BODY_KIND.text) size = Buffer.byteLength(body as string);
    else if (bodyKind === BODY_KIND.bytes) size = (body as Uint8Array).byteLength;
    else if (bodyKind === BODY_KIND.latin1) size = (body as string).length;
    if (size > this.options.plan.limits.responseBodyBytes) {
      this.fail(this.#responseTooLarge());
      return;
    }
    const { response, request } = this.options;
    const bodiless = status === 204 || status === 304;
    if (bodyKind === BODY_KIND.pipe) {
      if ((body as number) >= 0) headers.push('content-length', String(body));
    } else if (!bodiless) headers.push('content-length', String(size));
    this.#pushOwnHeaders(headers);
    this.#headSent = true;
    // The rest of a body nobody reads must not be taken for the next request.
    if (!request.complete && this.#awaitsBody()) response.shouldKeepAlive = false;
    response.writeHead(status, headers);
    if (bodyKind === BODY_KIND.pipe) {
      response.flushHeaders();
      return;
    }
    this.#bytesOut = size;
    if (bodiless || size === 0) response.end();
    else if (bodyKind === BODY_KIND.latin1) response.end(body as string, 'latin1');
    else response.end(body as string | Uint8Array);
    this.#settle();
  }

  chunk(bytes: Uint8Array): void {
    if (this.settled) return;
    this.#bytesOut += bytes.length;
    const limit = this.options.plan.limits.responseBodyBytes;
    if (this.#bytesOut > limit) {
      this.fail(this.#responseTooLarge());
      return;
    }
    const { response } = this.options;
    const size = bytes.length;
    // Credit is given once the socket has taken the bytes: that is the backpressure.
    response.write(bytes, () => {
      if (!this.settled) this.runner?.sendCredit(this.id, size);
    });
  }

  end(error: string): void {
    if (this.settled) return;
    if (error === '') this.options.response.end();
    else this.options.response.destroy();
    this.#settle(error === '' ? undefined : 'function_threw');
  }

  /** Answers with an error, or cuts the connection when the head is out. */
  fail(error: PopmeshError): void {
    if (this.settled) return;
    const { response, requestId, version, request } = this.options;
    if (this.#headSent) response.destroy();
    else {
      if (!request.complete && this.#awaitsBody()) response.shouldKeepAlive = false;
      sendError(response, error, requestId, ['popmesh-version', String(version)]);
    }
    this.#settle(error.code);
    this.runner?.abandon(this);
  }

  /** The client went away. */
  clientGone(): void {
    if (this.settled) return;
    this.#settle('cancelled');
    this.runner?.abandon(this);
  }

  #awaitsBody(): boolean {
    return this.bodyKind === BODY_KIND.pipe && !this.#bodyEnded;
  }

  #endBody(error: string): void {
    if (this.#bodyEnded) return;
    this.#bodyEnded = true;
    if (!this.settled) this.runner?.sendEnd(this.id, error);
  }

  #responseTooLarge(): PopmeshError {
    const max = this.options.plan.limits.responseBodyBytes;
    return new PopmeshError('response_too_large', 'The response body exceeds the limit', {
      details: { limit: 'response_body_mb', max: max / 1024 / 1024 },
    });
  }

  #pushOwnHeaders(headers: string[]): void {
    const { version, receivedMs, now } = this.options;
    const queue = this.dispatchedMs - receivedMs;
    const run = now() - this.dispatchedMs;
    headers.push(
      'popmesh-version',
      String(version),
      'popmesh-start',
      this.cold ? 'cold' : 'warm',
      'server-timing',
      `queue;dur=${queue.toFixed(1)}, run;dur=${run.toFixed(1)}`,
    );
  }

  #settle(errorCode?: string): void {
    this.settled = true;
    const { plan, now, receivedMs, request } = this.options;
    const usage = this.options.usage();
    if (this.#awaitsBody()) {
      request.removeAllListeners('data');
      request.resume();
    }
    const wallMs = this.dispatchedMs === 0 ? 0 : now() - this.dispatchedMs;
    usage.requests++;
    if (errorCode !== undefined) usage.errors++;
    if (this.cold) usage.coldStarts++;
    usage.wallMs += now() - receivedMs;
    usage.bytesIn += this.#bytesIn;
    usage.bytesOut += this.#bytesOut;
    usage.memoryBytesMax = Math.max(usage.memoryBytesMax, this.runner?.memoryBytes ?? 0);
    usage.gbSeconds += ((plan.limits.memoryMb / 1024) * wallMs) / 1000;
    this.options.onSettled(this);
  }
}

export const tooLarge = (limitBytes: number): PopmeshError =>
  new PopmeshError('payload_too_large', 'The request body exceeds the limit', {
    details: { limit: 'request_body_mb', max: limitBytes / 1024 / 1024 },
  });
