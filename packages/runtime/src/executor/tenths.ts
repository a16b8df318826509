/**
 * Milliseconds with one digit after the point, as `toFixed(1)` writes them. Nearly all are
 * small, and `toFixed` twice a request was 2 % of the HTTP thread: those are looked up.
 */
const COUNT = 1_000;
const SMALL: readonly string[] = Array.from({ length: COUNT }, (_, at) => (at / 10).toFixed(1));

export function tenths(ms: number): string {
  const rounded = Math.round(ms * 10);
  return rounded >= 0 && rounded < COUNT ? (SMALL[rounded] as string) : ms.toFixed(1);
}
