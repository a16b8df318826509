/**
 * Shares one limit out among all that may grow: memories by pages, tables by entries. Growing is an
 * instruction that asks nobody, so what all of them may reach must be settled before the first
 * instance is made. Each gets what its module asks for, as long as the sum allows it; beyond that
 * all are levelled, the largest first. So one memory beside small ones keeps what the limit leaves
 * of them, which is the shape of what tool chains build; two that both ask for everything get half
 * each, and a module that names a maximum of its own leaves the rest to the other.
 *
 * Refused: the whole limit for each, which made 60 instances of 16 MB 60 times the limit; and
 * calling the host at each `memory.grow`, which takes a rewriter of all code.
 */

export interface Growing {
  readonly initial: number;
  /** What the module names; undefined for none. */
  readonly maximum: number | undefined;
  /** How many there are of it. */
  readonly instances: number;
}

export const sumOfInitial = (all: readonly Growing[]): number =>
  all.reduce((sum, { initial, instances }) => sum + initial * instances, 0);

/** The maximum of each, in their order. What they begin with must fit into the limit. */
export function shareOut(all: readonly Growing[], limit: number): number[] {
  const reach = (level: number): number[] =>
    all.map(({ initial, maximum }) => Math.max(initial, Math.min(level, maximum ?? level)));
  const sum = (level: number): number =>
    reach(level).reduce((total, most, at) => total + most * (all[at]?.instances ?? 0), 0);
  let [low, high] = [0, limit];
  while (low < high) {
    const level = Math.ceil((low + high) / 2);
    if (sum(level) <= limit) low = level;
    else high = level - 1;
  }
  return reach(low);
}
