/**
 * As `work`, or rejects with `reason` (the signal's own, unless given) when `signal` aborts
 * first. `work` itself goes on, and what it rejects with later is nobody's unhandled
 * rejection; nothing is left behind on the signal.
 */
export async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  reason: () => unknown = () => signal.reason,
): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(reason());
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
