/**
 * How much of its cases a test runs: all of them in `npm run long -- <part of a path>`, and in
 * `npm test`, which has ten minutes for everything, a part that touches each kind. Refused: files
 * of their own for the long form, which nobody runs before they no longer compile.
 */

export const LENGTH_VARIABLE = 'POPMESH_TEST_LENGTH';

export const isLong = process.env[LENGTH_VARIABLE] === 'long';

/** Every `step`-th in the short form. */
export const sampled = <T>(all: readonly T[], step: number): T[] =>
  all.filter((_, index) => isLong || index % step === 0);

export const byLength = <T>(short: T, long: T): T => (isLong ? long : short);
