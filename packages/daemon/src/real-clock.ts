import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@popmesh/contracts';

/** The one clock that reads the machine's time; everything else takes a `Clock`. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // Node wraps the reason in an AbortError; the contract promises the reason itself.
      signal?.throwIfAborted();
      throw error;
    }
  },
  setTimer: (ms, run) => {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
