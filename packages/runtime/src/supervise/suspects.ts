import type { FunctionId } from '@popmesh/contracts';

/**
 * Which function ends its executor: those whose code was being started when the process ended.
 * The first end makes all of them suspects; from then on the executor starts suspects one at a
 * time, so that at the next end there is one, and an innocent one that started beside it is
 * cleared. Pure: told what happened, answers who is poison.
 */
export class Suspects {
  readonly #crashesMax: number;
  readonly #starting = new Map<FunctionId, number>();
  readonly #crashes = new Map<FunctionId, number>();

  constructor(crashesMax: number) {
    this.#crashesMax = crashesMax;
  }

  get all(): FunctionId[] {
    return [...this.#crashes.keys()];
  }

  has(id: FunctionId): boolean {
    return this.#crashes.has(id);
  }

  isPoison(id: FunctionId): boolean {
    return (this.#crashes.get(id) ?? 0) >= this.#crashesMax;
  }

  /** A new deployment of it begins with a clean record. */
  clear(id: FunctionId): void {
    this.#crashes.delete(id);
  }

  starting(id: FunctionId): void {
    this.#starting.set(id, (this.#starting.get(id) ?? 0) + 1);
  }

  started(id: FunctionId): void {
    const left = (this.#starting.get(id) ?? 0) - 1;
    if (left > 0) this.#starting.set(id, left);
    else this.#starting.delete(id);
    this.#crashes.delete(id);
  }

  /**
   * The process ended; those that are poison now. A kill counts half: it may be the kernel's,
   * for the memory that this function took, or somebody's who knows nothing of it.
   */
  crashed(killed: boolean): FunctionId[] {
    const present = [...this.#starting.keys()];
    this.#starting.clear();
    const known = present.filter((id) => this.#crashes.has(id));
    // Whoever started beside a suspect for the first time is not suspected for it.
    const blamed = known.length > 0 ? known : present;
    for (const id of blamed)
      this.#crashes.set(id, (this.#crashes.get(id) ?? 0) + (killed ? 0.5 : 1));
    return blamed.filter((id) => this.isPoison(id));
  }
}
