import type { FunctionId } from '@popmesh/contracts';

/**
 * Lets functions that are suspected of ending the process start one at a time, so that the
 * next end names one; all others pass.
 */
export class StartGate {
  #suspects = new Set<FunctionId>();
  #turn: Promise<void> = Promise.resolve();

  suspect(ids: readonly FunctionId[]): void {
    this.#suspects = new Set(ids);
  }

  /** Resolves when this start may begin, with what must be called when it is over. */
  async enter(id: FunctionId): Promise<() => void> {
    if (!this.#suspects.has(id)) return () => {};
    const previous = this.#turn;
    let release = (): void => {};
    this.#turn = new Promise((resolve) => {
      release = resolve;
    });
    await previous;
    return () => {
      // It has survived its start, well or not: the process stands.
      this.#suspects.delete(id);
      release();
    };
  }
}
