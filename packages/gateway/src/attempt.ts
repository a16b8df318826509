import type { ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Endpoint, Waiting } from './endpoint.ts';
import type { UpstreamHeaders } from './response-headers.ts';
import type { Route } from './selection.ts';

/** What an attempt tells the exchange it belongs to. */
export interface AttemptOwner {
  readonly res: ServerResponse;
  onHeaders(attempt: Attempt, status: number, headers: UpstreamHeaders): void;
  onEnd(attempt: Attempt, trailers: UpstreamHeaders): void;
  onFailure(attempt: Attempt, error: Error): void;
  onExpired(attempt: Attempt, now: number): void;
  onAbandoned(attempt: Attempt): void;
}

/** Bytes of an answer that nobody wants (an overload body) before the connection is cut instead. */
const DISCARD_BYTES_MAX = 64 * 1024;

const LEFT = new Error('the gateway went elsewhere');

/**
 * One try at one data plane: undici's handler, so that no object stands between
 * the parser and the client's socket. Once `leave` was called nothing that still
 * arrives reaches the exchange, which is what makes moving on safe.
 */
export class Attempt implements Dispatcher.DispatchHandler, Waiting {
  readonly endpoint: Endpoint;
  readonly route: Route;
  readonly startedAt: number;
  readonly #owner: AttemptOwner;
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  #released = false;
  #discarded = 0;
  /** Bytes may have reached the node: what cannot be repeated must not be. */
  sent = false;
  answered = false;
  /** Something of the answer's body was passed on, and its head with it. */
  bodyBegan = false;

  constructor(owner: AttemptOwner, endpoint: Endpoint, route: Route, now: number) {
    this.#owner = owner;
    this.endpoint = endpoint;
    this.route = route;
    this.startedAt = now;
    endpoint.inFlight += 1;
    endpoint.waiting.add(this);
  }

  /** Stop caring; `cut` also closes the connection. */
  leave(cut: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#release();
    if (cut) this.#controller?.abort(LEFT);
  }

  expire(now: number): void {
    if (!this.#over) this.#owner.onExpired(this, now);
  }

  abandon(): void {
    if (!this.#over) this.#owner.onAbandoned(this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(LEFT);
    else this.sent = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: UpstreamHeaders,
  ): void {
    // 103 and its kin: hints for a hop that has no use for them.
    if (this.#over || status < 200) return;
    this.answered = true;
    this.endpoint.waiting.delete(this);
    this.#owner.onHeaders(this, status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) {
      this.#discarded += chunk.length;
      if (this.#discarded > DISCARD_BYTES_MAX) controller.abort(LEFT);
      return;
    }
    this.bodyBegan = true;
    const res = this.#owner.res;
    if (res.write(chunk) || res.destroyed) return;
    controller.pause();
    res.once('drain', () => controller.resume());
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: UpstreamHeaders): void {
    this.#release();
    if (this.#over) return;
    this.#over = true;
    this.#owner.onEnd(this, trailers);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#release();
    if (this.#over) return;
    this.#over = true;
    this.#owner.onFailure(this, error);
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.endpoint.inFlight -= 1;
    this.endpoint.waiting.delete(this);
  }
}
