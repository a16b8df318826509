import { untilAborted } from '@popmesh/contracts';

/**
 * Single flight: callers with one key share one piece of work, and the result.
 * A caller who aborts leaves alone; the work itself is aborted when the last
 * one has left.
 */

interface Flight<T> {
  readonly abort: AbortController;
  readonly result: Promise<T>;
  waiting: number;
}

export class SharedWork<T> {
  readonly #flights = new Map<string, Flight<T>>();

  async run(
    key: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#launch(key, work);
    flight.waiting++;
    try {
      return await untilAborted(flight.result, signal);
    } finally {
      if (--flight.waiting === 0 && this.#flights.get(key) === flight) {
        this.#flights.delete(key);
        flight.abort.abort(signal.reason);
      }
    }
  }

  #launch(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abort = new AbortController();
    const result = work(abort.signal);
    const flight: Flight<T> = { abort, result, waiting: 0 };
    const land = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    result.then(land, land);
    this.#flights.set(key, flight);
    return flight;
  }
}
