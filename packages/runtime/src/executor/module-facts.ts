import { ByteReader } from '../check/bytes.ts';

const START = 8;
const DATA = 11;
const PASSIVE = 1;
const WITH_MEMORY_INDEX = 2;
const END = 0x0b;
/** Constants whose operand is one number: `i32.const`, `i64.const`, `global.get`. */
const NUMBERED = new Set([0x41, 0x42, 0x23]);

/** Whether a module, valid by now, runs code or writes memory while it is instantiated. */
export function isActive(module: Uint8Array): boolean {
  const reader = new ByteReader(module, 8);
  while (!reader.done) {
    const id = reader.byte('section id');
    const section = reader.slice(reader.u32('section size'), 'section');
    if (id === START || (id === DATA && writes(section))) return true;
  }
  return false;
}

/** Toolchains leave segments without content behind. */
function writes(section: ByteReader): boolean {
  for (let left = section.u32('segments'); left > 0; left--) {
    const kind = section.u32('kind');
    if (kind !== PASSIVE) {
      if (kind === WITH_MEMORY_INDEX) section.u32('memory');
      if (!NUMBERED.has(section.byte('offset'))) return true;
      section.skipLeb('offset');
      if (section.byte('end') !== END) return true;
    }
    const sizeBytes = section.u32('length');
    if (kind !== PASSIVE && sizeBytes > 0) return true;
    section.slice(sizeBytes, 'segment');
  }
  return false;
}
