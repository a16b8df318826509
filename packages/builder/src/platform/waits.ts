import { EnginePromise } from './promise.ts';
import { reportError } from './report.ts';

/**
 * What the host was asked to do and has not done yet, by numbers of ours. When it is done the
 * host calls `settle`, and whatever that wakes runs before it returns.
 */

/** Its answer to "or was it done at once?": no. */
const LATER = 3;

const waiting = new Map<number, (value: number) => void>();
let last = 0;

/** A number for the host to settle; `wake` runs in the turn in which it does. */
export function newWait(wake: (value: number) => void): number {
  waiting.set(++last, wake);
  return last;
}

/** The same number again, for what repeats. */
export function renewWait(wait: number, wake: (value: number) => void): void {
  waiting.set(wait, wake);
}

export const forgetWait = (wait: number): boolean => waiting.delete(wait);

/** For calls that answer at once when they can. */
export function waitUnless(begin: (wait: number) => number): number | Promise<number> {
  const wait = ++last;
  const answer = begin(wait);
  return answer === LATER ? new EnginePromise((resolve) => waiting.set(wait, resolve)) : answer;
}

/** Never throws: that would be a trap, and the end of every request in the instance. */
export function settleWait(wait: number, value: number): void {
  const wake = waiting.get(wait);
  if (wake === undefined) return;
  waiting.delete(wait);
  try {
    wake(value);
  } catch (error) {
    reportError(error);
  }
}
