/**
 * How strongly one data plane pushes back, 0 to 1: every "overloaded" answer
 * raises it, time lets it fall. It is the share of requests to send elsewhere,
 * so that spilling grows and shrinks smoothly instead of switching.
 */

const STEP = 0.08;
/** Short enough to feel a recovery within 5 s, long enough to bridge one load report per second. */
const HALF_LIFE_MS = 1_000;
/** A trickle stays, or nobody would notice that it is well again. */
export const PRESSURE_MAX = 0.95;

export class Pressure {
  #value = 0;
  #at = 0;

  read(now: number): number {
    if (this.#value === 0) return 0;
    const value = this.#value * 2 ** (-(now - this.#at) / HALF_LIFE_MS);
    return value < 0.01 ? 0 : value;
  }

  overloaded(now: number): void {
    const value = this.read(now);
    this.#value = Math.min(PRESSURE_MAX, value + (1 - value) * STEP);
    this.#at = now;
  }
}

/** Utilisation from which a ring is left in proportion. */
export const SPILL_FROM = 0.8;

/** 80 % in use: none leaves; full: nearly all. */
export const spillShare = (utilisation: number): number =>
  utilisation <= SPILL_FROM
    ? 0
    : Math.min(PRESSURE_MAX, (utilisation - SPILL_FROM) / (1 - SPILL_FROM));
