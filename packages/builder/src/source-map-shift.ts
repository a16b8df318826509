/**
 * Text put into a bundle moves what stands behind it on the same line; its source map follows.
 * Only the first number of a mapping (its column) is written anew, the others stay as text.
 * Refused: a package that joins two maps, for what is one addition.
 */

export interface Edit {
  /** Offset in the code before any edit. */
  readonly at: number;
  /** No line end in it, except behind the last mapping. */
  readonly text: string;
}

interface Mapping {
  readonly column: number;
  /** Index in `sources`; -1: code of no file. */
  readonly source: number;
  /** All numbers behind the column. */
  readonly rest: string;
}

/** Answers the source of what stands at an offset of the code. */
export function sourceAt(
  code: string,
  { mappings, sources }: { readonly mappings: string; readonly sources: readonly string[] },
): (offset: number) => string | undefined {
  const starts = lineStarts(code);
  const lines = decode(mappings);
  return (offset) => {
    const line = lastAtMost(starts, offset, (start) => start);
    const mapped = lines[line] ?? [];
    const found = mapped[lastAtMost(mapped, offset - (starts[line] ?? 0), (each) => each.column)];
    return found === undefined ? undefined : sources[found.source];
  };
}

/** `edits` in the order of their offsets. */
export function shiftColumns(code: string, mappings: string, edits: readonly Edit[]): string {
  const starts = lineStarts(code);
  let next = 0;
  return decode(mappings)
    .map((line, index) => {
      const start = starts[index] ?? code.length;
      const end = starts[index + 1] ?? code.length + 1;
      while (next < edits.length && (edits[next]?.at ?? 0) < start) next++;
      let moved = 0;
      let before = 0;
      return line
        .map(({ column, rest }) => {
          for (let edit = edits[next]; edit !== undefined; edit = edits[next]) {
            if (edit.at >= end || edit.at - start > column) break;
            moved += edit.text.length;
            next++;
          }
          const delta = column + moved - before;
          before = column + moved;
          return encode(delta) + rest;
        })
        .join(',');
    })
    .join(';');
}

function lineStarts(code: string): number[] {
  const starts = [0];
  for (let at = code.indexOf('\n'); at >= 0; at = code.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** Index of the last element whose key is at most `key`; -1: none is. */
function lastAtMost<T>(sorted: readonly T[], key: number, keyOf: (each: T) => number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(sorted[middle] as T) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The numbers of source maps: six bits a character, the last without the continuation bit. */
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]));

function decode(mappings: string): Mapping[][] {
  let source = 0;
  return mappings.split(';').map((line) => {
    let column = 0;
    if (line === '') return [];
    return line.split(',').map((text) => {
      const first = decodeNumber(text, 0);
      column += first.value;
      const rest = text.slice(first.end);
      if (rest === '') return { column, source: -1, rest };
      source += decodeNumber(text, first.end).value;
      return { column, source, rest };
    });
  });
}

function decodeNumber(text: string, start: number): { value: number; end: number } {
  let bits = 0;
  let shift = 0;
  for (let end = start; ; shift += 5) {
    const digit = VALUES.get(text[end++] ?? '') ?? 0;
    bits += (digit & 31) << shift;
    if ((digit & 32) === 0) return { value: bits & 1 ? -(bits >>> 1) : bits >>> 1, end };
  }
}

function encode(value: number): string {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    text += DIGITS[(rest & 31) | (rest > 31 ? 32 : 0)];
    rest >>>= 5;
  } while (rest > 0);
  return text;
}
