import { type Random, shuffled } from '@popmesh/contracts';

/**
 * SWIM's round-robin in random order: each member is probed once per round, so a
 * dead one is found within two rounds at the latest; purely random choice has no
 * such bound.
 */
export class ProbeOrder {
  readonly #random: Random;
  #round: string[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  next(candidates: ReadonlySet<string>): string | undefined {
    if (candidates.size === 0) return undefined;
    for (;;) {
      const id = this.#round.pop();
      if (id === undefined) this.#round = shuffled(this.#random, [...candidates]);
      else if (candidates.has(id)) return id;
    }
  }
}
