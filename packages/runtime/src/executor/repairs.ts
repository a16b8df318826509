import { PopmeshError } from '@popmesh/contracts';

/** Components whose files were found damaged and that the daemon makes again; each once at a time. */

interface Repair {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: PopmeshError): void;
}

export class Repairs {
  readonly #ask: (directory: string) => void;
  readonly #running = new Map<string, Repair>();

  constructor(ask: (directory: string) => void) {
    this.#ask = ask;
  }

  /** Resolves when the files are whole; requests that wait for it have deadlines of their own. */
  of(directory: string): Promise<void> {
    let repair = this.#running.get(directory);
    if (repair === undefined) {
      repair = Promise.withResolvers<void>();
      this.#running.set(directory, repair);
      this.#ask(directory);
    }
    return repair.promise;
  }

  ended(directory: string, error: unknown): void {
    const repair = this.#running.get(directory);
    this.#running.delete(directory);
    if (error === undefined) repair?.resolve();
    else repair?.reject(PopmeshError.fromJSON(error));
  }
}
