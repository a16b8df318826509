/** "Did you mean": the nearest known word, when it is near enough to be a slip of the hand. */

/** Edit distance with swaps of neighbours (optimal string alignment); words here are short. */
export function editDistance(a: string, b: string): number {
  let previous: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (previous[j - 2] ?? 0) + 1);
      }
      next.push(best);
    }
    previous = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

export function suggest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase().replaceAll('-', '_').slice(0, 64);
  let best = lower.length < PREFIX_LENGTH_MIN ? undefined : uniquePrefixed(lower, known);
  if (best !== undefined) return best;
  let bestDistance = Math.max(1, Math.floor(lower.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(lower, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

const PREFIX_LENGTH_MIN = 3;

/** `cpu` for `cpu_ms`, `minimum` for `min`; only when no other word fits as well. */
function uniquePrefixed(word: string, known: readonly string[]): string | undefined {
  const fits = known.filter(
    (candidate) => candidate.startsWith(word) || word.startsWith(candidate),
  );
  return fits.length === 1 ? fits[0] : undefined;
}
