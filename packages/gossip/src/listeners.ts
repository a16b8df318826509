import type { Logger } from '@popmesh/contracts';

/** Who wants to know. One that throws harms neither the others nor the caller. */
export class Listeners<A extends unknown[]> {
  readonly #listeners = new Set<(...args: A) => void>();
  readonly #logger: Logger;
  readonly #what: string;

  constructor(what: string, logger: Logger) {
    this.#what = what;
    this.#logger = logger;
  }

  /** The returned function unsubscribes. */
  add(listener: (...args: A) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(...args: A): void {
    for (const listener of this.#listeners) {
      try {
        listener(...args);
      } catch (error) {
        this.#logger.error(`a listener of ${this.#what} failed`, { error: String(error) });
      }
    }
  }
}
