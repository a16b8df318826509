import { PopmeshError } from '@popmesh/contracts';

/**
 * An error as the function's author may see it: what it says, and the frames of the guest. The
 * other frames are the glue's and ours, whose places are paths of this node.
 */
export function guestStack(error: Error): string {
  const lines = [`${error.name}: ${error.message}`];
  for (const [, name, place] of (error.stack ?? '').matchAll(GUEST_FRAME)) {
    lines.push(name === undefined ? `    at ${place}` : `    at ${name} (${place})`);
  }
  return lines.join('\n');
}

const GUEST_FRAME =
  /^ *at (?:(.+) \()?wasm:\/\/wasm\/[^:\n]*:(wasm-function\[\d+\]:0x[0-9a-f]+)\)?$/gm;

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
