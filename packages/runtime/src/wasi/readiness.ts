/**
 * What a guest can wait for. Refused: a promise per source, since `poll` waits for many
 * sources again and again, and every `Promise.race` would leave its reactions on the slow ones.
 */
export interface Source {
  ready(): boolean;
  /** `wake` may be called more than once, and before `ready` is true. */
  add(wake: () => void): void;
  remove(wake: () => void): void;
}

/** The listeners of one source. Most sources are never waited for, so the set comes late. */
export class Waiters {
  #wakes: Set<() => void> | undefined;

  add(wake: () => void): void {
    this.#wakes ??= new Set();
    this.#wakes.add(wake);
  }

  remove(wake: () => void): void {
    this.#wakes?.delete(wake);
  }

  notify(): void {
    if (this.#wakes === undefined || this.#wakes.size === 0) return;
    for (const wake of [...this.#wakes]) wake();
  }
}

/**
 * The life of one instance: every suspended wait ends when it ends, so that a discarded
 * guest cannot go on running from a timer. (JSPI: the rejection traps the suspended stack.)
 */
export class Lifetime {
  readonly #rejects = new Set<(reason: Error) => void>();
  #ended: Error | undefined;
  /** Called once. */
  onEnd: ((reason: Error) => void) | undefined;
  /** Called before each wait: until then the guest has not let anything else run. */
  onWait: (() => void) | undefined;

  end(reason: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    for (const reject of this.#rejects) reject(reason);
    this.#rejects.clear();
    this.onEnd?.(reason);
  }

  /**
   * For misuse found inside a suspending import, where the glue swallows what is thrown
   * (its promise never settles): ends the instance and gives the error to throw.
   */
  trap(message: string): Error {
    const error = new Error(message);
    this.end(error);
    return error;
  }

  check(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  /** Resolves when at least one source is ready. */
  wait(sources: readonly Source[]): Promise<void> {
    this.onWait?.();
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      const settle = (): void => {
        for (const source of sources) source.remove(wake);
        this.#rejects.delete(interrupt);
      };
      const wake = (): void => {
        if (!sources.some((source) => source.ready())) return;
        settle();
        resolve();
      };
      const interrupt = (reason: Error): void => {
        settle();
        reject(reason);
      };
      this.#rejects.add(interrupt);
      for (const source of sources) source.add(wake);
    });
  }
}
