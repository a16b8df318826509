import type { WireRequest, WireResponse } from 'popmesh:function/host@0.1.0';
import { type Env, handler, self } from './author.ts';
import { NO_BODY } from './body.ts';
import { ExecutionContext } from './context.ts';
import { begin, host, running } from './host.ts';
import { reportError } from './report.ts';
import { requestFromHost } from './request.ts';
import { Response, toHost } from './response.ts';
import { openWait } from './timers.ts';

/**
 * One request. Throwing out of an async export traps the whole instance with all its
 * other requests, so an author's error becomes a response that the runtime knows.
 */

const FAILED: WireResponse = {
  status: 500,
  headers: 'popmesh-function-error: 1\n',
  body: NO_BODY,
};

/** The author's code ran out of memory, and could be left at that. */
const EXHAUSTED: WireResponse = { ...FAILED, headers: 'popmesh-function-error: memory\n' };

let env: Env = {};

function boot(): void {
  begin();
  const config = JSON.parse(host.config()) as { env?: Record<string, string> };
  env = Object.freeze({ ...config.env });
}

export async function handle(id: number, wire: WireRequest): Promise<WireResponse> {
  try {
    if (!running) boot();
    const request = requestFromHost(id, wire);
    const answer = handler.call(self, request, env, new ExecutionContext(id));
    const response = answer instanceof Response ? answer : await inOwnTask(answer);
    if (response instanceof Response && response.status !== 0) return toHost(response, reportError);
    throw new TypeError(
      response instanceof Response
        ? 'The handler answered Response.error()'
        : `The handler must answer a Response, not ${describe(response)}`,
    );
  } catch (error) {
    reportError(error);
    return isOutOfMemory(error) ? EXHAUSTED : FAILED;
  }
}

/** Turns of the microtask queue in which an answer that waits for nothing is there. */
const OWN_TURNS = 24;

/**
 * Waits for the handler's answer so that this request's own task goes on with it. What an
 * author's promise waits for may belong to another request (`cache ??= fetch(…)`): then it
 * settles inside that one's task, where returning our response is a trap, and meanwhile a
 * task of ours with nothing of its own to wait for is a trap as well. So the answer, wherever
 * it comes from, ends a wait of our own.
 */
async function inOwnTask(answer: unknown): Promise<unknown> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  const promise = Promise.resolve(answer);
  promise.then(settle, settle);
  // Cheaper than the host's timer, and enough for handlers that are async for the form of it.
  for (let turn = 0; turn < OWN_TURNS && !settled; turn++) await null;
  if (!settled) {
    const wait = openWait();
    promise.then(wait.end, wait.end);
    await wait.ended;
  }
  return await promise;
}

/**
 * QuickJS's own error, or null: what it throws when there is no room for an error either. An
 * author who throws null is told the wrong thing. Never throws, whatever was thrown.
 */
function isOutOfMemory(error: unknown): boolean {
  if (error === null) return true;
  try {
    return (
      error instanceof Error && error.name === 'InternalError' && error.message === 'out of memory'
    );
  } catch {
    return false;
  }
}

const describe = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? Object.prototype.toString.call(value)
    : typeof value;
