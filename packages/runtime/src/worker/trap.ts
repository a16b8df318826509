import { PopmeshError } from '@popmesh/contracts';

/**
 * What a guest's failure is called. An exception that JavaScript guests could not handle
 * arrives as a trap, too; it was reported just before, which is how the two are told apart.
 */
export function describeTrap(caught: unknown, lastReport: string | undefined): PopmeshError {
  if (lastReport !== undefined) {
    return new PopmeshError('function_threw', 'The function threw an error', {
      cause: new Error(lastReport),
    });
  }
  const message = caught instanceof Error ? caught.message : String(caught);
  const cause = caught instanceof Error ? caught : new Error(message);
  const short = /call stack/i.test(message)
    ? 'the call stack is exhausted'
    : message.replace(/^wasm trap: /, '').slice(0, 200);
  return new PopmeshError('function_trapped', `The function trapped: ${short}`, { cause });
}
