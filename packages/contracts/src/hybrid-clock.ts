import type { Clock } from './clock.ts';

const COUNTER_BITS = 16n;

/**
 * Hybrid logical clock (Kulkarni et al. 2014, in one 64-bit word): wall time where
 * it moves forward, a counter where it does not, never below what was observed.
 * Refused: wall time alone (goes back), Lamport counters (mean nothing to a person).
 */
export class HybridClock {
  readonly #clock: Pick<Clock, 'now'>;
  #last = 0n;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Strictly above everything returned or observed so far. */
  next(): bigint {
    const wall = BigInt(Math.floor(this.#clock.now())) << COUNTER_BITS;
    this.#last = wall > this.#last ? wall : this.#last + 1n;
    return this.#last;
  }

  observe(revision: bigint): void {
    if (revision > this.#last) this.#last = revision;
  }
}

/** Unix milliseconds of a revision, for showing and for the "too far in the future" check. */
export const revisionTimeMs = (revision: bigint): number => Number(revision >> COUNTER_BITS);
