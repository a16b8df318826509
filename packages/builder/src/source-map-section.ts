import { isAbsolute, relative } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { PLATFORM_FOLDER } from './bundle.ts';

/**
 * The bundle's source map as a custom section of the component, so that the node that runs
 * it logs the author's lines, whoever deployed it and whenever. Refused: mapping in the
 * command line, which would need the map of every version that ever ran. No source text
 * goes along, only names of files and positions.
 */

export const SOURCE_MAP_SECTION = 'popmesh:source-map';
/** Beyond either of these the section is left out. The runtime refuses to inflate more. */
export const SOURCE_MAP_BYTES_MAX = 1024 * 1024;
export const SOURCE_MAP_INFLATED_BYTES_MAX = 4 * 1024 * 1024;

/** The same component when the map is too large. */
export function withSourceMap(
  component: Uint8Array,
  sourceMap: string,
  folder: string,
): { component: Uint8Array; warning?: string } {
  const { mappings, sources } = JSON.parse(sourceMap) as { mappings: string; sources: string[] };
  const slim = JSON.stringify({
    version: 3,
    sources: sources.map((source) => shown(source, folder)),
    names: [],
    mappings,
  });
  const packed = deflateRawSync(slim);
  if (slim.length > SOURCE_MAP_INFLATED_BYTES_MAX || packed.length > SOURCE_MAP_BYTES_MAX) {
    return {
      component,
      warning: 'The source map is too large to go along: stacks show the bundle',
    };
  }
  const name = Buffer.from(SOURCE_MAP_SECTION);
  const content = Buffer.concat([leb128(name.length), name, packed]);
  return {
    component: new Uint8Array(
      Buffer.concat([component, Buffer.of(0), leb128(content.length), content]),
    ),
  };
}

/** Our own files by a name of ours: where they are on the builder's disk is nobody's business. */
function shown(source: string, folder: string): string {
  const path = isAbsolute(source) ? source : `${folder}/${source}`;
  const ours = relative(PLATFORM_FOLDER, path);
  return ours.startsWith('..') ? source : `popmesh:platform/${ours}`;
}

function leb128(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
