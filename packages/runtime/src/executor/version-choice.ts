import { xxh3 } from './xxh3.ts';

/**
 * Which version answers: by weight, and for one client key always the same one while the
 * weights stay. Raising one weight only moves clients towards that version, because each
 * version owns one stretch of the hash range, in order of version number.
 */

export interface WeightedTarget {
  readonly version: number;
  readonly weight: number;
}

const SCALE = 2 ** 32;

/** Uniform in [0, 1) from a key. */
export const keyFraction = (key: string): number => Number(xxh3(key) >> 32n) / SCALE;

/** `fraction` in [0, 1). Targets ordered by version; undefined when no weight is above 0. */
export function chooseTarget<T extends WeightedTarget>(
  targets: readonly T[],
  fraction: () => number,
): T | undefined {
  const first = targets[0];
  if (targets.length === 1) return first;
  let total = 0;
  for (const target of targets) total += target.weight;
  if (total <= 0) return first;
  let rest = fraction() * total;
  for (const target of targets) {
    rest -= target.weight;
    if (rest < 0) return target;
  }
  return targets.findLast((target) => target.weight > 0);
}
