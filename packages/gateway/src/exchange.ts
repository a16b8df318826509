import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, dropLateUpload, PopmeshError, type Random } from '@popmesh/contracts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import type { GatewayConfig } from './config.ts';
import type { FunctionEntry } from './directory.ts';
import type { Endpoint } from './endpoint.ts';
import type { Holdings } from './holdings.ts';
import { sendError } from './platform-error.ts';
import { type BodyOwner, type BodyTools, IncomingBody } from './request-body.ts';
import { requestTrailers } from './request-headers.ts';
import {
  headerValue,
  responseHeaders,
  responseTrailers,
  type UpstreamHeaders,
} from './response-headers.ts';
import type { RetryBudget } from './retry-budget.ts';
import { type Failure, mayRetry, needsBudget } from './retry-policy.ts';
import { choose, type Route } from './selection.ts';
import type { Site } from './site.ts';
import type { ClientPlace, Topology } from './topology.ts';
import type { Traffic } from './traffic.ts';
import { dispatchWithTrailers } from './trailing-request.ts';
import { BODY_STALL_MS, type Upstreams } from './upstreams.ts';

/** What every exchange works with; one per gateway. */
export interface ExchangeTools extends BodyTools {
  readonly config: Pick<GatewayConfig, 'limits' | 'retry' | 'health'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly topology: Topology;
  readonly upstreams: Upstreams;
  readonly budget: RetryBudget;
  readonly traffic: Traffic;
  readonly draining: () => boolean;
}

export interface ExchangeRequest extends Site {
  readonly entry: FunctionEntry;
  readonly path: string;
  readonly method: string;
  /** Flat pairs, complete but for what changes from try to try. */
  readonly headers: string[];
  readonly idempotent: boolean;
  readonly announcesTrailers: boolean;
  /** -1 where the body comes in chunks, or there is none. */
  readonly contentLength: number;
  readonly place: ClientPlace;
  readonly requestId: string;
  readonly startedAt: number;
  readonly timeoutMs: number;
  /** Whose request it is, and whose function. */
  readonly client: Holdings;
  readonly tenant: Holdings;
}

export type ExchangeBody = Buffer | IncomingBody | null;

/** The node answers its own timeout first, with the better reason. */
const DEADLINE_GRACE_MS = 250;

/**
 * One client request from its headers to the end of its answer: tries data
 * planes one after the other and never two at once, so that nothing is executed
 * twice that the client did not allow.
 */
export class Exchange implements AttemptOwner, BodyOwner {
  readonly #tools: ExchangeTools;
  readonly #request: ExchangeRequest;
  readonly #req: IncomingMessage;
  readonly res: ServerResponse;
  #headersLength: number;
  readonly #tried: Endpoint[] = [];
  /** When the request was first given to a node: its time begins then, not with a slow body. */
  #dispatchedAt = 0;
  #incoming: IncomingBody | undefined;
  #body: ExchangeBody = null;
  #attempt: Attempt | undefined;
  #sentAttempts = 0;
  /** In flight, and counted as such, is what was given to a node. */
  #state: 'waiting' | 'in_flight' | 'done' = 'waiting';
  /** Why the first choice was left; wins over what selection sees. */
  #left: Route = 'nearest';

  constructor(
    tools: ExchangeTools,
    request: ExchangeRequest,
    req: IncomingMessage,
    res: ServerResponse,
  ) {
    this.#tools = tools;
    this.#request = request;
    this.#req = req;
    this.res = res;
    this.#headersLength = request.headers.length;
    res.on('close', () => this.#closed());
  }

  /** Goes on by itself when the body is there, or enough of it. */
  receive(): void {
    const { config, clock } = this.#tools;
    const { entry, contentLength, client, tenant } = this.#request;
    const heldBytesMax = config.limits.replayBodyBytesMax;
    const plan = {
      heldBytesMax,
      bytesMax: entry.requestBodyBytesMax,
      streams: contentLength < 0 || contentLength > heldBytesMax,
      hasLength: contentLength >= 0,
      client,
      tenant,
    };
    this.#incoming = new IncomingBody(this.#req, plan, this.#tools, this, clock.monotonic());
  }

  bodyReady(): void {
    const { announcesTrailers, contentLength, headers } = this.#request;
    const incoming = this.#incoming as IncomingBody;
    const whole = announcesTrailers ? undefined : incoming.whole();
    if (whole === undefined) {
      this.start(incoming);
      return;
    }
    // It came in chunks, and its length is known by now.
    if (contentLength < 0) {
      headers.push('content-length', String(whole.length));
      this.#headersLength = headers.length;
    }
    this.start(whole);
  }

  start(body: ExchangeBody): void {
    if (this.#state !== 'waiting') return;
    const { ledger, budget, clock } = this.#tools;
    const { client, tenant } = this.#request;
    const refusal = ledger.dispatchRefusal(client, tenant);
    if (refusal !== undefined) {
      this.#fail(refusal, true);
      return;
    }
    ledger.dispatched(client, tenant);
    this.#state = 'in_flight';
    this.#dispatchedAt = clock.monotonic();
    this.#body = body;
    budget.deposit();
    this.#next(undefined, undefined);
  }

  /** A failure that is not a try's: a body that is too large or too slow. */
  refuse(error: PopmeshError): void {
    if (this.#state !== 'done') this.#fail(error, true);
  }

  cut(error: PopmeshError): void {
    this.refuse(error);
    this.#req.destroy();
  }

  #next(failure: Failure | undefined, reason: PopmeshError | undefined): void {
    const { topology, clock, random, ledger, traffic } = this.#tools;
    const { entry, place, client } = this.#request;
    const now = clock.monotonic();
    const candidates = topology.candidates(entry);
    const choice = choose({
      ranked: topology.ranked(place),
      candidates,
      tried: this.#tried,
      now,
      random,
      inFlightMax: ledger.placesMax(client),
    });
    if (choice === undefined) {
      this.#fail(reason ?? this.#nobody(candidates.size), false);
      return;
    }
    if (failure !== undefined) {
      if (needsBudget(failure, choice.shedShare) && !this.#tools.budget.take(now)) {
        traffic.retriesDenied += 1;
        this.#fail(reason as PopmeshError, false);
        return;
      }
      traffic.retries += 1;
    }
    this.#dispatch(choice.endpoint, this.#left === 'nearest' ? choice.route : this.#left, now);
  }

  #dispatch(endpoint: Endpoint, route: Route, now: number): void {
    const { headers, method, path, timeoutMs } = this.#request;
    const remainingMs = Math.max(1, Math.ceil(this.#dispatchedAt + timeoutMs - now));
    headers.length = this.#headersLength;
    headers.push('popmesh-timeout-ms', String(remainingMs), 'popmesh-pop', endpoint.node.pop);
    this.#tried.push(endpoint);
    this.#tools.traffic.attempts += 1;
    const attempt = new Attempt(this, endpoint, route, now);
    this.#attempt = attempt;
    if (this.#body instanceof IncomingBody && this.#needsOwnConnection(this.#body)) {
      const { clock, config } = this.#tools;
      const trailing = {
        address: endpoint.address,
        path,
        method,
        headers,
        body: this.#body.open(),
        trailers: () => requestTrailers(this.#req.rawTrailers),
        connectTimeoutMs: config.health.connectTimeoutMs,
        bodyStallMs: BODY_STALL_MS,
        clock,
      };
      dispatchWithTrailers(trailing, attempt);
      return;
    }
    const body = this.#body instanceof IncomingBody ? this.#body.open() : this.#body;
    this.#tools.upstreams
      .pool(endpoint)
      .dispatch({ path, method: method as 'GET', headers, body, idempotent: false }, attempt);
  }

  /** undici sends no trailers, and a head only with the first bytes behind it. */
  #needsOwnConnection(body: IncomingBody): boolean {
    return this.#request.announcesTrailers || (this.#request.contentLength < 0 && body.isEmpty);
  }

  onHeaders(attempt: Attempt, status: number, headers: UpstreamHeaders): void {
    const { clock, traffic } = this.#tools;
    const now = clock.monotonic();
    const { endpoint } = attempt;
    endpoint.health.answered(now);
    this.#sentAttempts += 1;
    const code = headers['popmesh-error'];
    if (code !== undefined || headers['popmesh-overload'] !== undefined) {
      if (this.#isElsewhere(attempt, status, headers, now)) return;
    }
    const { requestId, startedAt } = this.#request;
    const out = [
      'popmesh-request-id',
      requestId,
      'popmesh-pop',
      endpoint.node.pop,
      'popmesh-node',
      endpoint.node.id,
      'popmesh-route',
      attempt.route,
      'server-timing',
      timing(attempt.startedAt - startedAt, now - attempt.startedAt, headers),
    ];
    responseHeaders(headers, out, this.#request);
    this.#incoming?.answerBegan();
    if (this.#tools.draining()) this.res.shouldKeepAlive = false;
    traffic.routed(attempt.route);
    traffic.answered(status, now - startedAt);
    this.res.writeHead(status, out);
    if (headers['content-length'] === undefined) queueMicrotask(() => this.#sendHead(attempt));
  }

  /**
   * node:http keeps a head back for the first byte. A stream may be silent long after its head,
   * and its client may wait for that before it says anything itself. What came with the head has
   * been passed on by now, in one piece with it.
   */
  #sendHead(attempt: Attempt): void {
    const { res } = this;
    if (!attempt.bodyBegan && !res.writableEnded && !res.destroyed) res.flushHeaders();
  }

  /** True when the node said that it did not execute the request and another one is asked. */
  #isElsewhere(attempt: Attempt, status: number, headers: UpstreamHeaders, now: number): boolean {
    const code = headerValue(headers, 'popmesh-error');
    const overload = headers['popmesh-overload'] !== undefined;
    const { endpoint } = attempt;
    const node = endpoint.node.id;
    if (status === 503 && (code === 'draining' || code === 'unavailable')) {
      const reason = new PopmeshError('no_healthy_node', 'the node is leaving', {
        details: { node },
      });
      this.#moveOn(attempt, 'not_executed', 'failover', reason);
      return true;
    }
    if (status === 503 && (overload || code === 'overloaded')) {
      endpoint.pressure.overloaded(now);
      const reason = new PopmeshError('overloaded', 'every node that was asked is busy', {
        hint: 'Try again in a second; raise scaling.max or add nodes if this stays.',
        details: { node },
      });
      this.#moveOn(attempt, 'not_executed', 'spill', reason);
      return true;
    }
    if (status === 404 && code === 'function_not_found') {
      const reason = new PopmeshError('no_healthy_node', 'the function is not ready on its nodes', {
        details: { node },
      });
      this.#moveOn(attempt, 'not_executed', 'failover', reason);
      return true;
    }
    if (code === 'executor_failed' && this.#request.idempotent) {
      this.#moveOn(attempt, 'unknown', 'failover', unreachable(node, 'its executor failed'));
      return true;
    }
    return false;
  }

  onEnd(_attempt: Attempt, trailers: UpstreamHeaders): void {
    this.#finish();
    const pairs = responseTrailers(trailers, this.#request);
    // Left out by node:http where the answer does not leave in chunks.
    if (pairs.length > 0) this.res.addTrailers(pairs);
    this.res.end();
    this.#settleUpload();
  }

  onFailure(attempt: Attempt, error: Error): void {
    const { clock, traffic } = this.#tools;
    const { endpoint } = attempt;
    const code = (error as { code?: string }).code ?? '';
    if (code === 'UND_ERR_INVALID_ARG') {
      this.#fail(new PopmeshError('invalid_argument', error.message, { cause: error }), false);
      return;
    }
    if (attempt.answered) {
      // Cut short in the middle: the client must see it as cut, not as complete.
      endpoint.health.suspect(clock.monotonic());
      traffic.error('peer_unavailable');
      this.#finish();
      this.res.destroy();
      return;
    }
    if (!endpoint.retired && endpoint.health.fail(clock.monotonic())) traffic.ejections += 1;
    const node = endpoint.node.id;
    if (attempt.sent) {
      this.#sentAttempts += 1;
      this.#moveOn(
        attempt,
        'unknown',
        'failover',
        unreachable(node, 'the connection broke', error),
      );
    } else {
      const reason = new PopmeshError('no_healthy_node', `${node} does not accept connections`, {
        details: { node },
        cause: error,
      });
      this.#moveOn(attempt, 'never_sent', 'failover', reason);
    }
  }

  onExpired(attempt: Attempt, now: number): void {
    const { timeoutMs } = this.#request;
    if (now < this.#dispatchedAt + timeoutMs + DEADLINE_GRACE_MS) return;
    // Asked first: a body that nobody reads any more is paused.
    const isUpload = this.#incoming?.awaitsClient === true;
    attempt.leave(true);
    const node = attempt.endpoint.node.id;
    const details = { hop: 'gateway', node, limit: 'timeout_ms', timeoutMs };
    const error = isUpload
      ? new PopmeshError(
          'deadline_exceeded',
          `the request body did not come whole within ${timeoutMs} ms`,
          { hint: 'Raise limits.timeout_ms where clients upload over slow lines.', details },
        )
      : new PopmeshError('deadline_exceeded', `${node} did not answer within ${timeoutMs} ms`, {
          details,
        });
    this.#fail(error, false);
  }

  onAbandoned(attempt: Attempt): void {
    const failure = attempt.sent ? 'unknown' : 'never_sent';
    if (!this.#mayRetry(failure)) return; // It may still answer; the deadline decides.
    attempt.leave(true);
    if (attempt.sent) this.#sentAttempts += 1;
    const node = attempt.endpoint.node.id;
    this.#retry(failure, 'failover', unreachable(node, 'it stopped answering'));
  }

  #moveOn(attempt: Attempt, failure: Failure, left: Route, reason: PopmeshError): void {
    attempt.leave(false);
    if (this.#mayRetry(failure)) this.#retry(failure, left, reason);
    else this.#fail(reason, false);
  }

  #retry(failure: Failure, left: Route, reason: PopmeshError): void {
    if (this.#left !== 'failover') this.#left = left;
    this.#next(failure, reason);
  }

  #mayRetry(failure: Failure): boolean {
    return mayRetry({
      failure,
      idempotent: this.#request.idempotent,
      replayable: !(this.#body instanceof IncomingBody) || this.#body.replayable,
      sentAttempts: this.#sentAttempts,
      tries: this.#tried.length,
      attemptsMax: this.#tools.config.retry.attemptsMax,
    });
  }

  #fail(error: PopmeshError, close: boolean): void {
    const { traffic, clock, draining } = this.#tools;
    this.#attempt?.leave(true);
    this.#finish();
    traffic.error(error.code);
    traffic.answered(error.facts.httpStatus, clock.monotonic() - this.#request.startedAt);
    sendError(this.res, error, this.#request.requestId, {
      close: close || draining(),
      head: this.#request.method === 'HEAD',
    });
    this.#settleUpload();
  }

  #finish(): void {
    if (this.#state === 'in_flight') {
      const { client, tenant } = this.#request;
      this.#tools.ledger.answered(client, tenant);
    }
    this.#state = 'done';
    this.#incoming?.end();
  }

  /** The client went away, or all is said. */
  #closed(): void {
    if (this.#state === 'done') return;
    this.#finish();
    this.#tools.traffic.clientAborts += 1;
    this.#attempt?.leave(true);
  }

  /** Answered before the upload was through: the rest passes, so that the answer is read. */
  #settleUpload(): void {
    if (this.#incoming === undefined) return;
    const { ledger, clock } = this.#tools;
    dropLateUpload(this.#req, clock, () => ledger.tinyPieces(this.#request.client));
  }

  /** Why no node gets it. */
  #nobody(pops: number): PopmeshError {
    const { entry, client } = this.#request;
    if (pops > 0 && this.#tried.length === 0) {
      const { ledger, config } = this.#tools;
      if (ledger.placesMax(client) < config.limits.nodeInFlightMax) {
        return ledger.placesRefusal(client);
      }
      return new PopmeshError('overloaded', `all nodes of ${entry.id} are full`);
    }
    return new PopmeshError('no_healthy_node', `${entry.id} is not ready on any node`, {
      hint: 'It may still be on its way; `popmesh status` shows the nodes.',
    });
  }
}

const unreachable = (node: string, what: string, cause?: unknown): PopmeshError =>
  new PopmeshError('peer_unavailable', `${node}: ${what}; the request may have been executed`, {
    hint: 'Send an Idempotency-Key to let popmesh repeat it safely.',
    details: { hop: 'gateway', node },
    ...(cause === undefined ? {} : { cause }),
  });

function timing(gatewayMs: number, upstreamMs: number, headers: UpstreamHeaders): string {
  const own = `gateway;dur=${gatewayMs.toFixed(2)}, upstream;dur=${upstreamMs.toFixed(2)}`;
  const theirs = headers['server-timing'];
  return theirs === undefined ? own : `${own}, ${theirs}`;
}
