import type { FunctionId } from '@popmesh/contracts';

/** Which functions were used, the latest known; bounded by those that are there to be used. */
export class Recency {
  readonly #order = new Set<FunctionId>();

  used(id: FunctionId): void {
    this.#order.delete(id);
    this.#order.add(id);
  }

  delete(id: FunctionId): void {
    this.#order.delete(id);
  }

  /** The latest first. */
  latest(): FunctionId[] {
    return [...this.#order].reverse();
  }
}
