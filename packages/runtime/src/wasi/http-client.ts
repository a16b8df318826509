import { type ErrorCode as PopmeshCode, PopmeshError } from '@popmesh/contracts';
import type { Body, GuestResponse, InstanceContext } from '../worker/door.ts';
import { contentLength, Fields } from './fields.ts';
import { IncomingResponse } from './http-incoming.ts';
import type { Tagged } from './http-method.ts';
import { OutgoingRequest, RequestOptions } from './http-outgoing.ts';
import { IoError } from './io-error.ts';
import { patientPipe } from './patient-pipe.ts';
import { Pollable } from './pollable.ts';
import { type Lifetime, type Source, Waiters } from './readiness.ts';
import { ERR, err, ok, type Result } from './result.ts';
import { sendBody } from './send-body.ts';

/** `wasi:http/outgoing-handler`: the guest's requests, through the instance's outbound door. */

type HeadOutcome = Result<IncomingResponse, Tagged>;

export class FutureIncomingResponse implements Source {
  readonly #waiters = new Waiters();
  readonly #lifetime: Lifetime;
  readonly #abort: () => void;
  #outcome: HeadOutcome | undefined;
  #given = false;

  constructor(lifetime: Lifetime, abort: () => void) {
    this.#lifetime = lifetime;
    this.#abort = abort;
  }

  static settle(future: FutureIncomingResponse, outcome: HeadOutcome): void {
    if (future.#outcome !== undefined) return;
    future.#outcome = outcome;
    future.#waiters.notify();
  }

  subscribe(): Pollable {
    return new Pollable(this, this.#lifetime);
  }

  get(): Result<HeadOutcome, undefined> | undefined {
    if (this.#outcome === undefined) return undefined;
    if (this.#given) return ERR;
    this.#given = true;
    return ok(this.#outcome);
  }

  ready(): boolean {
    return this.#outcome !== undefined;
  }
  add(wake: () => void): void {
    this.#waiters.add(wake);
  }
  remove(wake: () => void): void {
    this.#waiters.remove(wake);
  }

  /** The guest does not want the answer any more. */
  [Symbol.dispose](): void {
    if (this.#given) return;
    this.#abort();
    if (this.#outcome?.tag === 'ok') this.#outcome.val[Symbol.dispose]();
  }
}

const INVALID_URI: Result<never, Tagged> = err({ tag: 'HTTP-request-URI-invalid' });

/** `signal` gives the signal of the request that the guest is serving now. */
export function createOutgoingHandler(
  context: InstanceContext,
  lifetime: Lifetime,
  signal: () => AbortSignal | undefined,
) {
  return function handle(
    request: OutgoingRequest,
    options: RequestOptions | undefined,
  ): Result<FutureIncomingResponse, Tagged> {
    const { method, url } = OutgoingRequest.target(request);
    const { fields, sink } = OutgoingRequest.parts(request);
    if (url === undefined || !URL.canParse(url)) {
      sink?.abandon();
      return INVALID_URI;
    }
    const headers = Fields.list(fields);
    if (Number.isNaN(contentLength(headers))) {
      sink?.abandon();
      return err({ tag: 'HTTP-request-body-size', val: undefined });
    }
    const abort = new AbortController();
    const outer = signal();
    const stop = (): void => abort.abort(outer?.reason);
    if (outer?.aborted === true) stop();
    outer?.addEventListener('abort', stop, { once: true });

    const future = new FutureIncomingResponse(lifetime, () => abort.abort());
    const timeoutMs = options === undefined ? undefined : RequestOptions.headTimeoutMs(options);
    const timer =
      timeoutMs === undefined
        ? undefined
        : context.clock.setTimer(timeoutMs, () => {
            FutureIncomingResponse.settle(future, err({ tag: 'HTTP-response-timeout' }));
            abort.abort();
          });
    const betweenBytesMs =
      options === undefined ? undefined : RequestOptions.betweenBytesMs(options);
    const patient = (response: GuestResponse): GuestResponse => {
      const { body } = response;
      if (body.kind !== 'pipe' || betweenBytesMs === undefined) return response;
      const pipe = patientPipe(body.pipe, betweenBytesMs, context.clock);
      return { ...response, body: { ...body, pipe } };
    };
    const settled = (outcome: HeadOutcome): void => {
      timer?.cancel();
      FutureIncomingResponse.settle(future, outcome);
    };
    const fetch = (body: Body): void => {
      // Redirects are the guest's: the standard knows no following.
      context.outbound
        .fetch({ method, url, headers: [...headers], body }, abort.signal, 'manual')
        .then(
          (response: GuestResponse) => {
            const timely = betweenBytesMs === undefined ? response : patient(response);
            settled(ok(new IncomingResponse(lifetime, timely)));
          },
          (caught: unknown) => {
            outer?.removeEventListener('abort', stop);
            settled(err(toErrorCode(caught)));
          },
        );
    };
    sendBody(sink, context, 'at-once', fetch);
    return ok(future);
  };
}

const CODES: Partial<Record<PopmeshCode, Tagged>> = {
  outbound_denied: { tag: 'HTTP-request-denied' },
  outbound_limit_exceeded: { tag: 'connection-limit-reached' },
  timeout_exceeded: { tag: 'connection-timeout' },
  deadline_exceeded: { tag: 'connection-timeout' },
  response_too_large: { tag: 'HTTP-response-body-size', val: undefined },
  peer_unavailable: { tag: 'destination-unavailable' },
  peer_misbehaved: { tag: 'HTTP-protocol-error' },
  invalid_argument: { tag: 'HTTP-request-URI-invalid' },
};

function toErrorCode(caught: unknown): Tagged {
  const error = PopmeshError.from(caught);
  return CODES[error.code] ?? { tag: 'internal-error', val: error.message };
}

/** `http-error-code`: of a stream that ended by a timeout the guest set; else none. */
export function httpErrorCode(error: IoError): Tagged | undefined {
  if (!(error instanceof IoError)) throw new TypeError('http-error-code: not an error');
  return IoError.httpCode(error);
}
