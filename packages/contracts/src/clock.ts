/** Time as a parameter: the one real implementation is in `daemon`, the virtual one in `simulation`. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Unix milliseconds of the wall clock; may jump. For stamps only, never for waiting. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. For every interval and deadline. */
  monotonic(): number;
  /** Resolves after `ms`, rejects with `signal.reason` when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  setTimer(ms: number, run: () => void): Timer;
}

/** What every clock's `sleep` is, given its timers. */
export function sleepOn(
  { setTimer }: Pick<Clock, 'setTimer'>,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = setTimer(ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}
