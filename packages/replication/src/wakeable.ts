import type { Clock } from '@popmesh/contracts';

/** A rest that may be cut short; a call while nobody rests cuts the next one short. */
export class Wakeable {
  readonly #clock: Clock;
  #woken = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#woken.abort();
  }

  /** Resolves after `ms`, a wake, or an abort; never rejects. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#woken.signal]);
    await this.#clock.sleep(ms, either).catch(() => {});
    if (this.#woken.signal.aborted) this.#woken = new AbortController();
  }
}
