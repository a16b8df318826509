/**
 * How long to wait before an executor is started again: decided from how it ended and how long
 * it lived, with no clock of its own. One that was killed from outside is not to blame and comes
 * back at once, many times in a row; one that ends by itself soon after its start waits twice as
 * long each time, so that a crash loop costs no core. Life forgives: what served for a while is
 * no crash loop. Refused: one count for both, with which the second kill in ten seconds waited.
 */

export interface ExecutorEnd {
  readonly lifeMs: number;
  /** It had opened its listener. */
  readonly served: boolean;
  /** By a signal that a process does not send to itself. */
  readonly killed: boolean;
}

export interface RestartBounds {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Ends in a row that cost no wait. */
const FREE_CRASHES = 1;
/** The kernel kills, too, when memory is short: not for ever, then. */
const FREE_KILLS = 16;
/** Each so many milliseconds of life make up for one end. */
const FORGIVING_MS = 2_000;

export class RestartPolicy {
  readonly #bounds: RestartBounds;
  #ends = 0;

  constructor(bounds: RestartBounds) {
    this.#bounds = bounds;
  }

  /** The milliseconds to wait before the next start. */
  after(end: ExecutorEnd): number {
    this.#ends = Math.max(0, this.#ends - Math.floor(end.lifeMs / FORGIVING_MS));
    const free = end.killed && end.served ? FREE_KILLS : FREE_CRASHES;
    const beyond = this.#ends - free;
    this.#ends++;
    if (beyond < 0) return 0;
    return Math.min(this.#bounds.firstMs * 2 ** beyond, this.#bounds.maxMs);
  }
}
