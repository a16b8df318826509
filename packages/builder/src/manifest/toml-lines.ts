/**
 * Finds the line where a key of a TOML file stands. The parser gives values
 * without places, and a second parser that keeps them is not worth its weight:
 * this reads headers and keys line by line, which is exact for the shapes that
 * popmesh.toml has and falls back to the nearest enclosing key elsewhere.
 */

const HEADER = /^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$/;
const KEY =
  /^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=/;

const parts = (dotted: string): string[] =>
  [...dotted.matchAll(/"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? '',
  );

/** 1-based; undefined when neither the key nor anything around it is in the file. */
export function lineOfKey(text: string, path: readonly PropertyKey[]): number | undefined {
  const lines = new Map<string, number>();
  let table: string[] = [];
  text.split('\n').forEach((line, index) => {
    const header = HEADER.exec(line)?.[1];
    if (header !== undefined) {
      table = parts(header);
      table.forEach((_, i) => {
        const key = JSON.stringify(table.slice(0, i + 1));
        if (!lines.has(key)) lines.set(key, index + 1);
      });
      return;
    }
    const key = KEY.exec(line)?.[1];
    if (key === undefined) return;
    const whole = [...table, ...parts(key)];
    for (let length = table.length + 1; length <= whole.length; length++) {
      const joined = JSON.stringify(whole.slice(0, length));
      if (!lines.has(joined)) lines.set(joined, index + 1);
    }
  });
  const wanted = path.map(String);
  const element = path.findIndex((part) => typeof part === 'number');
  for (let length = wanted.length; length > 0; length--) {
    const line = lines.get(JSON.stringify(wanted.slice(0, length)));
    if (line === undefined) continue;
    return element === length ? lineOfElement(text, line, Number(path[element])) : line;
  }
  return undefined;
}

/** Arrays written one element per line: the n-th quoted string after the key. */
function lineOfElement(text: string, keyLine: number, index: number): number {
  const lines = text.split('\n');
  let seen = -1;
  for (let line = keyLine - 1; line < lines.length; line++) {
    const content = (lines[line] ?? '').replace(/^\s*#.*$/, '');
    seen += content.match(/"(?:[^"\\]|\\.)*"|'[^']*'/g)?.length ?? 0;
    if (seen >= index) return line + 1;
    if (content.includes(']')) break;
  }
  return keyLine;
}
