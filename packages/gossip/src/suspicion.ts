/**
 * Lifeguard's second idea: suspicion starts long and is cut short by evidence.
 * The paper counts accusers; our updates do not name theirs, so each member counts
 * its own failed probes of the suspect: evidence that no relay can multiply.
 */

/** Own failed probes after the first that bring the wait down to its minimum. */
const CONFIRMATIONS_WANTED = 2;

export interface SuspicionTerms {
  readonly multiplier: number;
  readonly stretch: number;
  readonly probeIntervalMs: number;
}

export class Suspicion {
  readonly #startedMs: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  #confirmations = 0;

  constructor(terms: SuspicionTerms, liveMembers: number, startedMs: number) {
    // log10 as in SWIM: a rumour needs about that many rounds to reach all.
    const scale = Math.max(1, Math.log10(Math.max(1, liveMembers)));
    this.#startedMs = startedMs;
    this.#minMs = terms.multiplier * scale * terms.probeIntervalMs;
    this.#maxMs = terms.stretch * this.#minMs;
  }

  confirm(): void {
    this.#confirmations += 1;
  }

  /** An indirect answer: someone can reach it. */
  doubt(): void {
    this.#confirmations = 0;
  }

  /** `healthMultiplier` 1 to 9 adds up to the same again; `frozenMs` is time that did not count. */
  expired(nowMs: number, healthMultiplier: number, frozenMs: number): boolean {
    const share = Math.min(
      1,
      Math.log(this.#confirmations + 1) / Math.log(CONFIRMATIONS_WANTED + 1),
    );
    const waitMs = this.#maxMs - share * (this.#maxMs - this.#minMs);
    const doubt = 1 + (healthMultiplier - 1) / 8;
    return nowMs - this.#startedMs - frozenMs >= waitMs * doubt;
  }
}
