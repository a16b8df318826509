import { PopmeshError } from '@popmesh/contracts';

/** One after the other, with a bound on those that wait. */
export class Turns {
  readonly #what: string;
  readonly #waitingMax: number;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(what: string, waitingMax: number) {
    this.#what = what;
    this.#waitingMax = waitingMax;
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#waitingMax) {
      throw new PopmeshError('overloaded', `too many ${this.#what} are waiting`);
    }
    this.#waiting++;
    const result = this.#tail.then(work).finally(() => this.#waiting--);
    this.#tail = result.catch(() => {});
    return result;
  }
}
