import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/**
 * The world of a portable JavaScript component: the standard `wasi:http/proxy`, and the
 * environment. As one text, put together from the WIT that jco carries, because the
 * splicer reads no folder outside of the working directory.
 */

/** Of all `wasi:` packages at once; the adapter's imports name it, too. */
export const WASI_VERSION = '0.2.12';
export const STANDARD_WORLD = 'http';

/** In no special order; `cli` drags in those that nothing here uses. */
const PACKAGES = ['io', 'clocks', 'random', 'filesystem', 'sockets', 'cli', 'http'];

const jco = createRequire(import.meta.url).resolve('@bytecodealliance/jco');

export async function standardWorld(): Promise<string> {
  const marker = '/@bytecodealliance/jco/';
  const folder = jco.slice(0, jco.lastIndexOf(marker) + marker.length);
  const packages = await Promise.all(
    PACKAGES.map((name) =>
      readFile(`${folder}lib/wit/builtin/${WASI_VERSION}/wasi-${name}/package.wit`, 'utf8'),
    ),
  );
  return [
    'package popmesh:standard;',
    ...packages.map(nest),
    `world ${STANDARD_WORLD} {`,
    `  import wasi:cli/environment@${WASI_VERSION};`,
    `  include wasi:http/proxy@${WASI_VERSION};`,
    '}',
    '',
  ].join('\n');
}

/** A file's `package x;` holds for the whole file; within another text it needs braces. */
const nest = (text: string): string => `${text.replace(/^(package [^;]+);/m, '$1 {')}\n}`;
