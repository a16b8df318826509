import { basename } from 'node:path';
import type { Clock, FunctionId, Logger, Timer } from '@popmesh/contracts';
import type { PreparedStore, Swept } from './store.ts';

export interface SweeperOptions {
  readonly store: PreparedStore;
  readonly unusedBytesMax: number;
  /** From a change to the sweep. */
  readonly afterMs: number;
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly logger: Logger;
  readonly onSwept: (swept: Swept) => void;
}

/**
 * Bounds what is kept of prepared components that no deployed version uses: a version that is
 * rolled back to within the bound is there at once, one beyond it is prepared again. Some time
 * after each change, so that a deploy of hundreds of functions, and a start, are followed by one
 * sweep, which then knows what is served. Refused: taking files away when a function is deleted,
 * which a redeploy of the same would have to make again, and which no crash may interrupt.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #served = new Map<FunctionId, readonly string[]>();
  /** How many serve it, by key. */
  readonly #users = new Map<string, number>();
  #timer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** These are about to be linked to an executor's folder. */
  toBeServed(directories: readonly string[]): void {
    for (const directory of directories) this.#options.store.want(basename(directory));
  }

  /** From now on these and no others are the function's. */
  served(id: FunctionId, directories: readonly string[]): void {
    const keys = directories.map((directory) => basename(directory));
    for (const key of keys) {
      this.#users.set(key, (this.#users.get(key) ?? 0) + 1);
      this.#options.store.letGo(key);
    }
    for (const key of this.#served.get(id) ?? []) {
      const others = (this.#users.get(key) ?? 1) - 1;
      if (others > 0) this.#users.set(key, others);
      else this.#users.delete(key);
    }
    if (keys.length > 0) this.#served.set(id, keys);
    else this.#served.delete(id);
    this.soon();
  }

  soon(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    const { clock, afterMs } = this.#options;
    this.#timer = clock.setTimer(afterMs, () => {
      this.#timer = undefined;
      this.#sweeping = this.#sweeping.then(() => this.#sweep());
    });
  }

  /** Waits for a sweep that has begun. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    if (this.#stopped) return;
    const { store, unusedBytesMax, logger, onSwept } = this.#options;
    try {
      onSwept(await store.sweep((key) => this.#users.has(key), unusedBytesMax));
    } catch (error) {
      logger.warn('prepared components could not be swept', { error: String(error) });
    }
  }
}
