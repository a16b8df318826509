import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { inflateRawSync } from 'node:zlib';

/**
 * Places in the bundle to places in the author's files, in what a function logs. The map is
 * the author's and read when it is needed first: here, in the thread whose time and memory are
 * the function's own, so that a hostile one hurts nobody else.
 */

/** Above the largest that the builder puts in. */
const INFLATED_BYTES_MAX = 8 * 1024 * 1024;
const PLACES_MAX = 200;
const PLACE = /componentize-qjs:user\.js:(\d+):(\d+)/g;
const PLATFORM = 'popmesh:platform/';

export function stackMapper(path: string | undefined): (text: string) => string {
  let map: SourceMap | null | undefined;
  return (text) => {
    if (!text.includes('componentize-qjs:user.js:')) return text;
    if (map === undefined) map = path === undefined ? null : readMap(path);
    return map === null ? text : mapText(text, map);
  };
}

function readMap(path: string): SourceMap | null {
  try {
    const packed = readFileSync(path);
    const json = inflateRawSync(packed, { maxOutputLength: INFLATED_BYTES_MAX }).toString('utf8');
    return new SourceMap(JSON.parse(json) as ConstructorParameters<typeof SourceMap>[0]);
  } catch {
    // None in this component, or a wrong one: the log then shows places of the bundle.
    return null;
  }
}

function mapText(text: string, map: SourceMap): string {
  let places = 0;
  const mapped = text.replace(PLACE, (whole, line: string, column: string) => {
    if (++places > PLACES_MAX) return whole;
    return placeOf(map, Number(line), Number(column)) ?? whole;
  });
  // What is below the author's code is ours, and says nothing to them.
  const lines = mapped.split('\n');
  const kept = lines.filter((line) => !/^\s*at /.test(line) || !line.includes(PLATFORM));
  return (kept.some((line) => /^\s*at /.test(line)) ? kept : lines).join('\n');
}

function placeOf(map: SourceMap, line: number, column: number): string | undefined {
  try {
    const entry = map.findEntry(line - 1, Math.max(0, column - 1));
    if (!('originalSource' in entry) || typeof entry.originalSource !== 'string') return undefined;
    const source = entry.originalSource.slice(0, 300);
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  } catch {
    return undefined;
  }
}
