import { type Clock, sleepOn } from '@popmesh/contracts';

/** What a clock is made of; only entry files hand over the real ones. */
export interface ClockParts {
  now(): number;
  monotonic(): number;
  setTimer(ms: number, run: () => void): { cancel(): void };
}

/**
 * A clock for the executor and its workers. `daemon` has the daemons' one; importing that
 * package here would put its logger and metrics into every locked-down thread.
 */
export function clockFrom(parts: ClockParts): Clock {
  return {
    now: parts.now,
    monotonic: parts.monotonic,
    setTimer: parts.setTimer,
    sleep: (ms, signal) => sleepOn(parts, ms, signal),
  };
}
