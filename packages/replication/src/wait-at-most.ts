import type { Clock } from '@popmesh/contracts';

/**
 * Resolves with what `begin` hands over, or with `late` when time is up or
 * `signal` aborts first. `begin` returns how to take its listener back.
 */
export function waitAtMost<T>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  late: T,
  begin: (resolve: (value: T) => void) => () => void,
): Promise<T> {
  return new Promise((resolve) => {
    let takeBack: () => void = () => {};
    const settle = (value: T): void => {
      timer.cancel();
      signal.removeEventListener('abort', onLate);
      takeBack();
      resolve(value);
    };
    const onLate = (): void => settle(late);
    const timer = clock.setTimer(timeoutMs, onLate);
    signal.addEventListener('abort', onLate, { once: true });
    takeBack = begin(settle);
  });
}
