import { ByteReader } from '../check/bytes.ts';

/** The source map that `popmesh build` put into the component, for the worker to log with. */

export const SOURCE_MAP_FILE = 'source-map.deflate';
const SECTION = Buffer.from('popmesh:source-map');
const BYTES_MAX = 1024 * 1024;
/** Magic, version, layer. */
const PREAMBLE_BYTES = 8;

/** The section's content as it is, of a component that was checked; undefined when there is none. */
export function sourceMapOf(component: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(component, PREAMBLE_BYTES);
  while (!reader.done) {
    const id = reader.byte('section');
    const size = reader.u32('section');
    const end = reader.offset + size;
    if (id === 0 && size <= BYTES_MAX) {
      const nameLength = reader.u32('name');
      const name = component.subarray(reader.offset, reader.offset + nameLength);
      if (SECTION.equals(name)) return component.slice(reader.offset + nameLength, end);
    }
    reader.offset = end;
  }
  return undefined;
}

/** Whether the body of a custom section is one. */
export function isSourceMap(section: Uint8Array): boolean {
  const reader = new ByteReader(section);
  const nameLength = reader.u32('name');
  return SECTION.equals(section.subarray(reader.offset, reader.offset + nameLength));
}
