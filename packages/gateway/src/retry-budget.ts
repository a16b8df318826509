/**
 * How many tries may repeat work: a share of the requests seen, plus a small
 * floor per second, so that a fleet that fails everywhere is not hit with
 * multiples of its own traffic. Tries that were never sent do not count.
 */

/** Savings: a PoP that dies takes its in-flight requests with it, all in one instant. */
export const RETRY_TOKENS_MAX = 200;
const TOKENS_AT_START = 50;

export class RetryBudget {
  readonly #ratio: number;
  readonly #perMs: number;
  #tokens = TOKENS_AT_START;
  #at: number;

  constructor(ratio: number, minPerSecond: number, now: number) {
    this.#ratio = ratio;
    this.#perMs = minPerSecond / 1000;
    this.#at = now;
  }

  /** One request of a client arrived. */
  deposit(): void {
    if (this.#tokens < RETRY_TOKENS_MAX) this.#tokens += this.#ratio;
  }

  take(now: number): boolean {
    this.#tokens = Math.min(RETRY_TOKENS_MAX, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
