import { type Env, handler, self } from './author.ts';
import { ExecutionContext } from './context.ts';
import { begin, host, running } from './host.ts';
import { EnginePromise, promiseThen } from './promise.ts';
import { judge, turn } from './rejections.ts';
import { reportError } from './report.ts';
import { requestFromHost } from './request.ts';
import { answer, Response } from './response.ts';
import { settleWait } from './waits.ts';

/**
 * One request. Throwing out of an export traps the whole instance with all its other
 * requests, so an author's error becomes a response that the runtime knows. Nothing here
 * waits: the answer is given in whatever turn it is there.
 */

const FAILED = 'popmesh-function-error: 1\n';
/** The author's code ran out of memory, and could be left at that. */
const EXHAUSTED = 'popmesh-function-error: memory\n';

/** What the engine takes for the promise of an async export, and settles at once. */
// biome-ignore lint/suspicious/noThenProperty: it is meant to be taken for a promise
const DONE = { then: (resolve: () => void): void => resolve() };

let env: Env = {};

function boot(): void {
  begin();
  const config = JSON.parse(host.config()) as { env?: Record<string, string> };
  env = Object.freeze({ ...config.env });
}

export function handle(
  id: number,
  head: string,
  methodLength: number,
  urlLength: number,
  body: number,
): object {
  if (turn.suspected) judge();
  turn.request = id;
  try {
    if (!running) boot();
    const request = requestFromHost(id, head, methodLength, urlLength, body);
    const result = handler.call(self, request, env, new ExecutionContext(id));
    if (result instanceof Response) finish(id, result);
    else {
      const promise = result instanceof EnginePromise ? result : EnginePromise.resolve(result);
      promiseThen.call(
        promise,
        (response) => finish(id, response),
        (error) => fail(id, error),
      );
    }
  } catch (error) {
    fail(id, error);
  }
  return DONE;
}

export function settle(wait: number, value: number): object {
  if (turn.suspected) judge();
  settleWait(wait, value);
  return DONE;
}

function finish(id: number, response: unknown): void {
  try {
    if (response instanceof Response && response.status !== 0) {
      answer(response, id, reportError);
      return;
    }
    throw new TypeError(
      response instanceof Response
        ? 'The handler answered Response.error()'
        : `The handler must answer a Response, not ${describe(response)}`,
    );
  } catch (error) {
    fail(id, error);
  }
}

function fail(id: number, error: unknown): void {
  reportError(error);
  host.respond(id, 500, isOutOfMemory(error) ? EXHAUSTED : FAILED, '');
  // Every promise of every request would end wrongly from here on: better a fresh instance. A
  // value of the wrong type is a trap.
  if (Object.hasOwn(Object.prototype, 'then')) host.timerCancel(undefined as unknown as number);
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
