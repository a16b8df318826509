/**
 * Applies work to items, so many at once, and keeps so many waiting; one more
 * is refused instead of queued.
 */
export class BoundedPool<T> {
  readonly #concurrency: number;
  readonly #waitingMax: number;
  readonly #work: (item: T) => Promise<void>;
  readonly #waiting: T[] = [];
  #running = 0;

  /** `work` must not reject. */
  constructor(concurrency: number, waitingMax: number, work: (item: T) => Promise<void>) {
    this.#concurrency = concurrency;
    this.#waitingMax = waitingMax;
    this.#work = work;
  }

  /** False when full. */
  offer(item: T): boolean {
    if (this.#running >= this.#concurrency) {
      if (this.#waiting.length >= this.#waitingMax) return false;
      this.#waiting.push(item);
      return true;
    }
    this.#running++;
    this.#drain(item);
    return true;
  }

  clear(): void {
    this.#waiting.length = 0;
  }

  async #drain(first: T): Promise<void> {
    for (let item: T | undefined = first; item !== undefined; item = this.#waiting.shift()) {
      await this.#work(item);
    }
    this.#running--;
  }
}

/** Like `Promise.all(items.map(work))`, with at most `concurrency` at once; none begins after a failure. */
export async function inParallel<T>(
  items: Iterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true && !failed; next = iterator.next()) {
      try {
        await work(next.value);
      } catch (caught) {
        failed = true;
        throw caught;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}
