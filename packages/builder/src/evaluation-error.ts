import { SourceMap } from 'node:module';
import { PopmeshError } from '@popmesh/contracts';
import { codeFrame } from './bundle-errors.ts';

/** An error of the author's top-level code, led back through the source map to the author's line. */

const PREFIX =
  /^:?\s*(?:Failed to evaluate user JavaScript module: )?(?:Failed to (?:finish|declare|evaluate) JavaScript module(?: evaluation)?: )?(?:Error: )?/;
/**
 * What the engine says of its own end, in its own words and with its own frames: in those of
 * whoever wrote the module, with what to do.
 */
const ENDS: readonly (readonly [raw: RegExp, message: string, hint: string])[] = [
  [
    /wasm trap: call stack exhausted/,
    'code outside of the handler calls itself too deeply',
    'It runs once, at build time, with a stack of about 500 calls, and try does not catch its end. Call it in the handler instead: there are 5,000 at least.',
  ],
  [
    /quickjs: Null/,
    'code outside of the handler takes all memory there is',
    'It runs once, at build time: make what is large in the handler, or look for an endless loop.',
  ],
  [
    /blocking on a promise resulted in a dead lock/,
    'an await outside of the handler never ends',
    'Code outside of the handler runs once, at build time, without timers and network: await in the handler instead.',
  ],
];
const HINT = 'Code outside of the handler runs once, at build time, without a network.';
const TRAP = /wasm backtrace:[\s\S]*wasm trap: (.*)/;
const PLACE = /componentize-qjs:user\.js:(\d+):(\d+)/g;

export function evaluationError(
  raw: string,
  code: string,
  sourceMapText: string,
  main: string,
  /** How this engine writes a place in the bundle. */
  placePattern = PLACE,
): PopmeshError {
  const [, ownMessage, hint = HINT] = ENDS.find(([end]) => end.test(raw)) ?? [];
  const message = ownMessage ?? messageOf(raw);
  const places = [...raw.matchAll(placePattern)]
    .map(([, line, column]) => original(sourceMapText, Number(line), Number(column)))
    .filter((place) => place !== undefined);
  // The platform's own frames are above the author's; the first that is not ours is the one to show.
  const place = places.find(({ file }) => !file.includes('builder/src/platform/')) ?? places[0];
  const where = place === undefined ? main : `${place.file}:${place.line}:${place.column}`;
  const frame =
    place === undefined ? '' : codeFrame({ location: { ...place, column: place.column - 1 } });
  return new PopmeshError('build_failed', `${where}: ${message}${frame}`, {
    hint,
    details: {
      file: place?.file ?? main,
      ...(place === undefined ? {} : { line: place.line, column: place.column }),
      bundleBytes: code.length,
    },
  });
}

function messageOf(raw: string): string {
  const trap = TRAP.exec(raw)?.[1];
  if (trap !== undefined) return `code outside of the handler stopped the engine: ${trap}`;
  return (raw.split('\n    at ')[0] ?? raw).replace(PREFIX, '').trim() || 'unknown error';
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly lineText: string;
}

function original(sourceMapText: string, line: number, column: number): Place | undefined {
  try {
    const map = new SourceMap(JSON.parse(sourceMapText));
    const entry = map.findEntry(line - 1, Math.max(0, column - 1));
    if (!('originalSource' in entry) || entry.originalLine === undefined) return undefined;
    const { payload } = map;
    const content = payload.sourcesContent?.[payload.sources.indexOf(entry.originalSource)] ?? '';
    return {
      file: entry.originalSource,
      line: entry.originalLine + 1,
      column: entry.originalColumn + 1,
      lineText: content.split('\n')[entry.originalLine] ?? '',
    };
  } catch {
    return undefined;
  }
}
