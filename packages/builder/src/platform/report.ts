import { host, running } from './host.ts';
import { EnginePromise, promiseThen } from './promise.ts';

/** Errors that nobody caught, told to the host with their stack. */

export function reportError(error: unknown): void {
  report('', error);
}

/** `kind` stands before the message: what has become of the error, where that is not plain. */
export function report(kind: string, error: unknown): void {
  if (!running) return;
  const [text, stack] = describe(error);
  const message = kind + text;
  host.report(message.toWellFormed(), stack.toWellFormed());
}

/** What an author's callback answered: when it is a promise that fails, somebody should hear. */
export function watch(answer: unknown): void {
  if (answer instanceof EnginePromise) promiseThen.call(answer, undefined, reportError);
}

/** Never throws, whatever was thrown. */
function describe(error: unknown): [message: string, stack: string] {
  try {
    if (error instanceof Error) {
      const cause =
        error.cause === undefined ? '' : `\ncaused by ${describe(error.cause).join('\n')}`;
      return [`${error.name}: ${error.message}`, `${(error.stack ?? '').trimEnd()}${cause}`];
    }
    return [`Uncaught ${typeof error === 'object' ? JSON.stringify(error) : String(error)}`, ''];
  } catch {
    return ['Uncaught value that cannot be shown', ''];
  }
}
