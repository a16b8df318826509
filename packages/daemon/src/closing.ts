import { type Clock, type Logger, PopmeshError } from '@popmesh/contracts';

/**
 * What was opened, to be closed in the opposite order. Each step has its own
 * budget, and one that fails or hangs does not skip the rest; a start that fails
 * half-way closes what it opened.
 */

interface Step {
  readonly name: string;
  readonly budgetMs: number;
  readonly close: () => Promise<void> | void;
}

export class Closing {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #steps: Step[] = [];
  #closed: Promise<void> | undefined;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  add(name: string, budgetMs: number, close: Step['close']): void {
    this.#steps.push({ name, budgetMs, close });
  }

  /** The same promise each time; never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#run();
    return this.#closed;
  }

  /** Runs a start that adds to its closing as it goes; one that fails closes what it opened. */
  static async around<T>(
    clock: Clock,
    logger: Logger,
    start: (closing: Closing) => Promise<T>,
  ): Promise<T> {
    const closing = new Closing(clock, logger);
    try {
      return await start(closing);
    } catch (error) {
      await closing.close();
      throw error;
    }
  }

  async #run(): Promise<void> {
    for (const { name, budgetMs, close } of this.#steps.reverse()) {
      const over = new AbortController();
      const late = this.#clock.sleep(budgetMs, over.signal).then(() => {
        throw new PopmeshError('deadline_exceeded', `not closed after ${budgetMs} ms`);
      });
      try {
        await Promise.race([close(), late]);
      } catch (error) {
        this.#logger.error('closing failed', { part: name, error });
      } finally {
        over.abort();
        late.catch(() => {});
      }
    }
  }
}
