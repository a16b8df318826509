import { type Clock, PopmeshError } from '@popmesh/contracts';

/**
 * Runs work that should heed its signal, and leaves it behind at the deadline
 * whether it does or not. Throws `deadline_exceeded`, or the outer signal's reason.
 */
export async function withDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const inner = new AbortController();
  const onOuterAbort = (): void => inner.abort(outer.reason);
  outer.addEventListener('abort', onOuterAbort, { once: true });
  const timer = clock.setTimer(timeoutMs, () =>
    inner.abort(new PopmeshError('deadline_exceeded', `no answer within ${timeoutMs} ms`)),
  );
  try {
    return await Promise.race([
      work(inner.signal),
      new Promise<never>((_, reject) => {
        inner.signal.addEventListener('abort', () => reject(inner.signal.reason), { once: true });
      }),
    ]);
  } finally {
    timer.cancel();
    outer.removeEventListener('abort', onOuterAbort);
  }
}
