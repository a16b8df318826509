import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, PopmeshError, type Random } from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import { IdMap } from '../id-map.ts';
import { BODY_KIND } from '../worker/wire.ts';
import type { Exchange } from './http1/exchange.ts';
import { ServerExchange } from './http1/server-exchange.ts';
import { Invocation, type InvocationHost, tooLarge } from './invocation.ts';
import { absoluteUrl, type RequestHead, readRequestHead, splitPath } from './request-head.ts';
import { ResponseHeaders } from './response-head.ts';
import type { RouteTarget, RoutingTable } from './routing-table.ts';
import { sendError } from './send-error.ts';
import type { Watch } from './watch.ts';

/** Takes a request off the listener, finds its function and hands it to a pool. */

export interface DataPlaneOptions {
  readonly routes: RoutingTable;
  readonly config: RuntimeConfig;
  readonly clock: Clock;
  readonly random: Random;
}

const ID_MAX = 2 ** 31 - 1;

export class DataPlane {
  readonly invocations = new IdMap<Invocation>();
  readonly #options: DataPlaneOptions;
  readonly #host: InvocationHost;
  readonly #idPrefix: string;
  readonly #chance: () => number;
  /** Set right after construction: the two need each other. */
  watch: Watch | undefined;
  draining = false;
  #lastId = 0;
  readonly #onIdle: (() => void)[] = [];

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    this.#idPrefix = Buffer.from(options.random.bytes(9)).toString('base64url');
    this.#chance = () => options.random.float();
    this.#host = {
      headers: new ResponseHeaders(),
      pipeBufferBytes: options.config.pipeBufferBytes,
      now: () => options.clock.monotonic(),
      onSettled: (invocation) => {
        this.invocations.delete(invocation.id);
        if (this.invocations.size > 0) return;
        for (const resolve of this.#onIdle.splice(0)) resolve();
      },
    };
  }

  /** For node:http. */
  readonly serve = (request: IncomingMessage, response: ServerResponse): void => {
    // Behind the last answer of its connection: nobody would hear what becomes of it.
    if (request.socket.writableEnded) return;
    const head = readRequestHead(request.rawHeaders, request.method, request.url);
    const exchange = new ServerExchange(request, response, this.#options.clock);
    this.handle(head, exchange);
  };

  handle(head: RequestHead, exchange: Exchange): void {
    try {
      if (this.draining || head.refusal !== undefined) exchange.closeAfter();
      if (head.refusal !== undefined) throw head.refusal;
      this.#accept(head, exchange);
    } catch (caught) {
      exchange.dropBody();
      sendError(exchange, PopmeshError.from(caught), this.#requestId(head));
    }
  }

  /** Resolves when nothing runs. */
  whenIdle(): Promise<void> {
    if (this.invocations.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  #accept(head: RequestHead, exchange: Exchange): void {
    const { config, clock } = this.#options;
    const receivedMs = clock.monotonic();
    let { functionId, target } = head;
    if (functionId === undefined) {
      const split = splitPath(target);
      functionId = split?.functionId;
      target = split?.target ?? target;
    }
    const route =
      functionId === undefined
        ? undefined
        : this.#options.routes.choose(functionId, head.clientKey, this.#chance);
    if (route === undefined) {
      throw new PopmeshError('function_not_found', 'This node does not serve that function');
    }
    if (this.invocations.size >= config.requestsMax) {
      throw new PopmeshError('overloaded', 'Too many requests on this executor');
    }
    const { plan } = route.pool.options.target;
    const timeoutMs =
      head.timeoutMs > 0 ? Math.min(head.timeoutMs, plan.limits.timeoutMs) : plan.limits.timeoutMs;
    const url = absoluteUrl(head.scheme, head.host, target);
    const requestId = this.#requestId(head);
    const invocation = new Invocation({
      id: this.#nextId(),
      requestId,
      method: head.method,
      url,
      headerLines: head.lines,
      exchange,
      plan,
      version: route.version,
      pool: route.pool,
      receivedMs,
      deadlineMs: receivedMs + timeoutMs,
      host: this.#host,
    });
    this.invocations.set(invocation.id, invocation);
    exchange.use(invocation);
    this.#start(invocation, head, route);
    this.watch?.wake();
  }

  #start(invocation: Invocation, head: RequestHead, route: RouteTarget): void {
    const limit = invocation.options.plan.limits.requestBodyBytes;
    const length = head.contentLength;
    if (!head.chunked && length <= 0) {
      route.pool.submit(invocation);
    } else if (length > limit) {
      const { exchange } = invocation.options;
      exchange.dropBody();
      exchange.closeAfter();
      invocation.fail(tooLarge(limit));
    } else if (length > 0 && length <= this.#options.config.wholeBodyBytesMax) {
      invocation.collectBody(length);
    } else {
      invocation.bodyKind = BODY_KIND.pipe;
      invocation.contentLength = head.chunked ? -1 : length;
      route.pool.submit(invocation);
    }
  }

  /** 31 bits, as the ring and a guest's `u32` take them; one that still runs is skipped. */
  #nextId(): number {
    do this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1;
    while (this.invocations.has(this.#lastId));
    return this.#lastId;
  }

  #requestId(head: RequestHead): string {
    if (head.requestId === '')
      head.requestId = `${this.#idPrefix}-${(this.#lastId + 1).toString(36)}`;
    return head.requestId;
  }
}
