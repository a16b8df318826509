import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '@popmesh/contracts';

/** Unpredictable randomness: it also makes request ids, which a client must not guess. */
export const realRandom: Random = {
  float: () => Math.random(),
  integer: (below) => (below <= 1 ? 0 : randomInt(below)),
  bytes: (length) => new Uint8Array(randomBytes(length)),
};
