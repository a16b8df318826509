import type { Clock, Timer } from '@popmesh/contracts';
import { Pollable } from './pollable.ts';
import type { Lifetime, Source } from './readiness.ts';

const NANOSECONDS_PER_MS = 1_000_000n;
/** What a timer of the host can hold; a guest that asks for longer waits 24 days at a time. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * `wasi:clocks`, coarse (1 ms) so that a guest cannot time its neighbours; monotonic time
 * begins with the instance, so that it says nothing of the host.
 */
export function createClocks(clock: Clock, lifetime: Lifetime) {
  const start = clock.monotonic();
  const nowMs = (): number => Math.floor(clock.monotonic() - start);
  const toMs = (nanoseconds: bigint): number =>
    Number((nanoseconds + NANOSECONDS_PER_MS - 1n) / NANOSECONDS_PER_MS);
  return {
    monotonic: {
      now: (): bigint => BigInt(nowMs()) * NANOSECONDS_PER_MS,
      resolution: (): bigint => NANOSECONDS_PER_MS,
      subscribeInstant: (when: bigint): Pollable =>
        new Pollable(new Deadline(clock, start + toMs(when)), lifetime),
      subscribeDuration: (duration: bigint): Pollable =>
        new Pollable(new Deadline(clock, clock.monotonic() + toMs(duration)), lifetime),
    },
    wall: {
      now: () => {
        const ms = Math.floor(clock.now());
        return {
          seconds: BigInt(Math.floor(ms / 1000)),
          nanoseconds: (((ms % 1000) + 1000) % 1000) * 1_000_000,
        };
      },
      resolution: () => ({ seconds: 0n, nanoseconds: 1_000_000 }),
    },
  };
}

/** A point in monotonic time. The host's timer exists only while somebody waits. */
class Deadline implements Source {
  readonly #clock: Clock;
  readonly #atMs: number;
  readonly #timers = new Map<() => void, Timer>();

  constructor(clock: Clock, atMs: number) {
    this.#clock = clock;
    this.#atMs = atMs;
  }

  ready(): boolean {
    return this.#clock.monotonic() >= this.#atMs;
  }

  add(wake: () => void): void {
    const waitMs = Math.min(TIMER_MS_MAX, Math.ceil(this.#atMs - this.#clock.monotonic()));
    const fire = (): void => {
      // Timers fire up to a millisecond early; waiting again is right, sleeping on is not.
      if (this.ready()) wake();
      else this.add(wake);
    };
    this.#timers.set(wake, this.#clock.setTimer(Math.max(1, waitMs), fire));
  }

  remove(wake: () => void): void {
    this.#timers.get(wake)?.cancel();
    this.#timers.delete(wake);
  }
}
