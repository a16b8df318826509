import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, PopmeshError, type Random } from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import { IdMap } from '../id-map.ts';
import { BODY_KIND } from '../worker/wire.ts';
import { Invocation, tooLarge } from './invocation.ts';
import { absoluteUrl, type RequestHead, readRequestHead, splitPath } from './request-head.ts';
import { ResponseHeaders } from './response-head.ts';
import type { RouteTarget, RoutingTable } from './routing-table.ts';
import { sendError } from './send-error.ts';
import type { Watch } from './watch.ts';

const ID_MAX = 2 ** 31 - 1;

/** Takes a request off the listener, finds its function and hands it to a pool. */

export interface DataPlaneOptions {
  readonly routes: RoutingTable;
  readonly config: RuntimeConfig;
  readonly clock: Clock;
  readonly random: Random;
}

export class DataPlane {
  readonly invocations = new IdMap<Invocation>();
  readonly #options: DataPlaneOptions;
  readonly #headers = new ResponseHeaders();
  readonly #idPrefix: string;
  /** Set right after construction: the two need each other. */
  watch: Watch | undefined;
  draining = false;
  #lastId = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    this.#idPrefix = Buffer.from(options.random.bytes(9)).toString('base64url');
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const head = readRequestHead(request.rawHeaders);
    try {
      if (this.draining) response.shouldKeepAlive = false;
      this.#accept(request, response, head);
    } catch (caught) {
      request.resume();
      sendError(response, PopmeshError.from(caught), this.#requestId(head));
    }
  };

  /** Resolves when nothing runs. */
  whenIdle(): Promise<void> {
    if (this.invocations.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #accept(request: IncomingMessage, response: ServerResponse, head: RequestHead): void {
    const { config, clock, random } = this.#options;
    const receivedMs = clock.monotonic();
    let target = request.url ?? '/';
    let functionId = head.functionId;
    if (functionId === undefined) {
      const split = splitPath(target);
      functionId = split?.functionId;
      target = split?.target ?? target;
    }
    const route =
      functionId === undefined
        ? undefined
        : this.#options.routes.choose(functionId, head.clientKey, () => random.float());
    if (functionId === undefined || route === undefined) {
      throw new PopmeshError('function_not_found', 'This node does not serve that function');
    }
    if (this.invocations.size >= config.requestsMax) {
      throw new PopmeshError('overloaded', 'Too many requests on this executor');
    }
    const { plan } = route.pool.options.target;
    const timeoutMs =
      head.timeoutMs > 0 ? Math.min(head.timeoutMs, plan.limits.timeoutMs) : plan.limits.timeoutMs;
    const invocation = new Invocation({
      id: this.#nextId(),
      requestId: this.#requestId(head),
      method: request.method ?? 'GET',
      url: absoluteUrl(head.scheme, head.host, target),
      headerLines: head.lines,
      request,
      response,
      plan,
      version: route.version,
      usage: route.pool.options.usage,
      receivedMs,
      deadlineMs: receivedMs + timeoutMs,
      headers: this.#headers,
      pipeBufferBytes: config.pipeBufferBytes,
      now: () => clock.monotonic(),
      onSettled: this.#onSettled,
    });
    this.invocations.set(invocation.id, invocation);
    response.once('close', () => {
      if (invocation.settled) return;
      route.pool.forget(invocation);
      invocation.clientGone();
    });
    this.#start(invocation, head, route);
    this.watch?.wake();
  }

  #start(invocation: Invocation, head: RequestHead, route: RouteTarget): void {
    const limit = invocation.options.plan.limits.requestBodyBytes;
    if (head.contentLength > limit) {
      invocation.options.request.resume();
      invocation.options.response.shouldKeepAlive = false;
      invocation.fail(tooLarge(limit));
    } else if (!head.chunked && head.contentLength <= 0) {
      route.pool.submit(invocation);
    } else if (head.contentLength > 0 && head.contentLength <= this.#wholeMax) {
      this.#collect(invocation, head.contentLength, route);
    } else {
      invocation.bodyKind = BODY_KIND.pipe;
      invocation.contentLength = head.chunked ? -1 : head.contentLength;
      route.pool.submit(invocation);
    }
  }

  /** 31 bits, as the ring and a guest's `u32` take them; one that still runs is skipped. */
  #nextId(): number {
    do this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1;
    while (this.invocations.has(this.#lastId));
    return this.#lastId;
  }

  get #wholeMax(): number {
    return this.#options.config.wholeBodyBytesMax;
  }

  /** A small body is waited for: one message instead of a stream. */
  #collect(invocation: Invocation, length: number, route: RouteTarget): void {
    const { request } = invocation.options;
    const body = new Uint8Array(length);
    let filled = 0;
    request.on('data', (bytes: Buffer) => {
      if (filled + bytes.length <= length) body.set(bytes, filled);
      filled += bytes.length;
    });
    request.on('end', () => {
      if (invocation.settled || filled !== length) return;
      invocation.bodyKind = BODY_KIND.bytes;
      invocation.body = body;
      invocation.countBody(length);
      route.pool.submit(invocation);
    });
  }

  #requestId(head: RequestHead): string {
    if (head.requestId === '')
      head.requestId = `${this.#idPrefix}-${(this.#lastId + 1).toString(36)}`;
    return head.requestId;
  }

  readonly #onSettled = (invocation: Invocation): void => {
    this.invocations.delete(invocation.id);
    if (this.invocations.size === 0) this.#onIdle?.();
  };
}
