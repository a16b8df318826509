import { PopmeshError } from '@popmesh/contracts';

/**
 * How many calls the instance's running requests may make. Each request brings `total` calls
 * and `concurrent` places; what a finished one left over is not kept, except for one
 * request's worth, which belongs to work that outlives its response.
 */
export class Allowance {
  readonly #concurrent: number;
  readonly #total: number;
  #running = 0;
  #calls = 0;
  #inFlight = 0;
  readonly #queue: (() => void)[] = [];

  constructor(concurrent: number, total: number) {
    this.#concurrent = concurrent;
    this.#total = total;
  }

  begin(): void {
    this.#calls = this.#running === 0 ? this.#total : this.#calls + this.#total;
    this.#running++;
    this.#admit();
  }

  end(): void {
    this.#running = Math.max(0, this.#running - 1);
    this.#calls = Math.min(this.#calls, this.#total * Math.max(1, this.#running));
  }

  /** Each redirect is a call too. Throws `outbound_limit_exceeded`. */
  spend(): void {
    if (this.#calls <= 0) {
      throw new PopmeshError(
        'outbound_limit_exceeded',
        `more than ${this.#total} outbound calls for one request`,
        { details: { limit: 'outbound_total', value: this.#total } },
      );
    }
    this.#calls--;
  }

  /** Waits for a place; the queue is as short as the calls that are left. */
  async enter(signal: AbortSignal): Promise<() => void> {
    // One that was aborted before says so to nobody who comes later.
    signal.throwIfAborted();
    if (this.#inFlight >= this.#places()) {
      await new Promise<void>((resolve, reject) => {
        const go = (): void => {
          signal.removeEventListener('abort', stop);
          resolve();
        };
        const stop = (): void => {
          this.#queue.splice(this.#queue.indexOf(go), 1);
          reject(signal.reason);
        };
        signal.addEventListener('abort', stop, { once: true });
        this.#queue.push(go);
      });
    } else this.#inFlight++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#inFlight--;
      this.#admit();
    };
  }

  #places(): number {
    return this.#concurrent * Math.max(1, this.#running);
  }

  #admit(): void {
    while (this.#inFlight < this.#places()) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#inFlight++;
      next();
    }
  }
}
