import type { WireRequest } from 'popmesh:function/host@0.2.0';
import { onAbort } from './abort.ts';
import { toWire } from './body.ts';
import { toLines } from './headers.ts';
import { host, requireRunning } from './host.ts';
import { EnginePromise } from './promise.ts';
import { Request, type RequestInit, signalOf } from './request.ts';
import { fromHost, type Response } from './response.ts';
import type { URL } from './url.ts';
import { newWait } from './waits.ts';

/**
 * fetch: the host connects, follows redirects and enforces the function's limits. A mode
 * other than `follow` travels as a first header line `popmesh-redirect: manual|error`,
 * which the host takes off; the answer's first line may be `popmesh-url: <final address>`.
 */

export async function fetch(input: Request | URL | string, init?: RequestInit): Promise<Response> {
  requireRunning('fetch');
  const request = new Request(input, init);
  const signal = signalOf(request);
  signal?.throwIfAborted();
  const redirect = request.redirect === 'follow' ? '' : `popmesh-redirect: ${request.redirect}\n`;
  let bodyError: unknown;
  const wire: WireRequest = {
    method: request.method,
    url: request.url,
    headers: redirect + toLines(request.headers),
    body: toWire(request, (error) => {
      bodyError = error;
    }),
  };
  let id = 0;
  const ready = new EnginePromise<number>((resolve) => {
    id = newWait(resolve);
    host.fetch(id, wire);
  });
  let stop: (() => void) | undefined;
  if (signal === undefined) await ready;
  else {
    await new EnginePromise<void>((resolve, reject) => {
      stop = onAbort(signal, (reason) => {
        host.fetchAbort(id);
        reject(reason);
      });
      ready.then(() => resolve(), reject);
    }).finally(() => stop?.());
  }
  const outcome = host.fetchTake(id);
  if (outcome.tag === 'failed') throw fetchError(outcome.val, bodyError);
  return fromHost(outcome.val, request.url);
}

/** A TypeError as the standard says, with popmesh's code where a program finds it. */
function fetchError(failure: string, cause: unknown): TypeError {
  const colon = failure.indexOf(': ');
  const code = colon < 0 ? 'unavailable' : failure.slice(0, colon);
  const message = colon < 0 ? failure : failure.slice(colon + 2);
  const error = new TypeError(`fetch failed: ${message}`, cause === undefined ? {} : { cause });
  return Object.assign(error, { code });
}
