import { ByteReader, leb } from '../check/bytes.ts';
import { readLimits } from '../check/core-module.ts';
import { lebSection, sectionOf } from './encode-sections.ts';

/**
 * Takes out of a core module what a snapshot put into it: the content of its memory, the
 * memory's size, the values that its variables begin with. What stays is the same for every
 * function that was built with the same engine, so it is compiled once, transpiled once and
 * kept once; what was taken is written into a fresh instance (worker/memory-image.ts), which
 * is then the very same as if the module had brought it along.
 *
 * A module is left as it is wherever that cannot be said for sure: code that runs while it is
 * instantiated, segments that are not plain, anything that is not quite as expected. Then the
 * validators downstream see what the upload holds. Refused: merging the 10,000 segments of a
 * snapshot and leaving them in the module, which took as long to compile (3.3 ms) as before.
 */

export const PAGE_BYTES = 65_536;
/** What all such memories begin with; grown to their real size when the image is written. */
const SKELETON_PAGES = 16;
/** Less than that is not a snapshot, and compiles in no time. */
const DATA_BYTES_MIN = 65_536;
/** Zeros up to this length between two segments are stored as zeros. */
const GAP_BYTES_MAX = 4_096;
const SEGMENTS_MAX = 1_024;
const GLOBALS_MAX = 64;
const GLOBAL_NAME = 'popmesh:global:';

const IMPORT = 2;
const MEMORY = 5;
const GLOBAL = 6;
const EXPORT = 7;
const START = 8;
const DATA = 11;
const DATA_COUNT = 12;
const I32 = 0x7f;
const I32_CONST = 0x41;
const END = 0x0b;

export interface GlobalValue {
  /** Under which the module without its values exports it. */
  readonly name: string;
  readonly value: number;
}

export interface ModuleImage {
  readonly memory?: {
    /** Name of its export. */
    readonly name: string;
    readonly pages: number;
    readonly segments: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  };
  readonly globals: readonly GlobalValue[];
}

export interface SplitModule {
  readonly module: Uint8Array;
  readonly image: ModuleImage;
}

interface Section {
  readonly id: number;
  readonly whole: Uint8Array;
  readonly reader: ByteReader;
}

/** Undefined: leave it as it is. */
export function takeModuleImage(module: Uint8Array): SplitModule | undefined {
  try {
    return split(module);
  } catch {
    // Not well-formed: the validators say so, and how.
    return undefined;
  }
}

function split(module: Uint8Array): SplitModule | undefined {
  const sections = readSections(module);
  const only = (id: number): Section | undefined => {
    const found = sections.filter((section) => section.id === id);
    if (found.length > 1) throw new Error('a section comes twice');
    return found[0];
  };
  if (only(START) !== undefined) return undefined;
  const imports = readImports(only(IMPORT)?.reader);
  const exports = only(EXPORT);
  if (exports === undefined) return undefined;
  const names = readExports(exports.reader);
  if ([...names.keys()].some((name) => name.startsWith(GLOBAL_NAME))) return undefined;

  const globals = readVariables(only(GLOBAL), imports.globals);
  const memory =
    only(DATA_COUNT) === undefined && imports.memories === 0
      ? readMemory(only(MEMORY), only(DATA), sections, names)
      : undefined;
  if (memory === undefined && globals.values.length === 0) return undefined;
  const parts: Uint8Array[] = [module.subarray(0, 8)];
  for (const section of sections) {
    if (section.id === GLOBAL) parts.push(globals.section ?? section.whole);
    else if (section.id === EXPORT) parts.push(withGlobals(section, names.size, globals.values));
    else if (section.id === MEMORY && memory !== undefined) parts.push(memory.section);
    else if (section.id !== DATA || memory === undefined) parts.push(section.whole);
  }
  return {
    module: Buffer.concat(parts),
    image: {
      ...(memory === undefined ? {} : { memory: memory.image }),
      globals: globals.values.map(({ name, value }) => ({ name, value })),
    },
  };
}

function readSections(module: Uint8Array): Section[] {
  const reader = new ByteReader(module, 8);
  const sections: Section[] = [];
  while (!reader.done) {
    const start = reader.offset;
    const id = reader.byte('section id');
    const inner = reader.slice(reader.u32('section size'), 'section');
    sections.push({ id, whole: module.subarray(start, inner.end), reader: inner });
  }
  return sections;
}

function readImports(reader: ByteReader | undefined): { globals: number; memories: number } {
  const found = { globals: 0, memories: 0 };
  if (reader === undefined) return found;
  for (let left = reader.u32('imports'); left > 0; left--) {
    reader.name('module');
    reader.name('name');
    const kind = reader.byte('kind');
    if (kind === 0) reader.u32('type');
    else if (kind === 1) {
      plainType(reader);
      readLimits(reader, 'table');
    } else if (kind === 2) {
      readLimits(reader, 'memory');
      found.memories++;
    } else if (kind === 3) {
      plainType(reader);
      reader.byte('mutability');
      found.globals++;
    } else throw new Error('an import of another kind');
  }
  return found;
}

function plainType(reader: ByteReader): number {
  const type = reader.byte('type');
  if (type === 0x63 || type === 0x64) throw new Error('a type of more than one byte');
  return type;
}

/** Kind and index by name. */
function readExports(reader: ByteReader): Map<string, { kind: number; index: number }> {
  const names = new Map<string, { kind: number; index: number }>();
  for (let left = reader.u32('exports'); left > 0; left--) {
    const name = reader.name('name');
    if (names.has(name)) throw new Error('an export comes twice');
    names.set(name, { kind: reader.byte('kind'), index: reader.u32('index') });
  }
  if (!reader.done) throw new Error('more than the exports');
  return names;
}

interface Variables {
  readonly section: Uint8Array | undefined;
  readonly values: readonly (GlobalValue & { readonly index: number })[];
}

/** Mutable `i32` with a constant: none of them can be part of another constant expression. */
function readVariables(section: Section | undefined, imported: number): Variables {
  const none: Variables = { section: undefined, values: [] };
  if (section === undefined) return none;
  const { reader } = section;
  const total = reader.u32('globals');
  const body: number[] = [...leb(total)];
  const values: (GlobalValue & { index: number })[] = [];
  for (let i = 0; i < total; i++) {
    const start = reader.offset;
    const type = plainType(reader);
    const mutable = reader.byte('mutability') === 1;
    const first = reader.byte('constant');
    const value = skipConstant(reader, first);
    if (type === I32 && mutable && first === I32_CONST && value !== undefined) {
      const index = imported + i;
      values.push({ index, name: `${GLOBAL_NAME}${index}`, value });
      body.push(type, 1, I32_CONST, 0, END);
    } else body.push(...reader.bytes.subarray(start, reader.offset));
  }
  if (!reader.done || values.length > GLOBALS_MAX) return none;
  return { section: sectionOf(GLOBAL, Uint8Array.from(body)), values };
}

/** Of one instruction; the value of an `i32.const`. Anything else throws. */
function skipConstant(reader: ByteReader, opcode: number): number | undefined {
  let value: number | undefined;
  if (opcode === I32_CONST) value = i32(reader);
  else if (opcode === 0x42) reader.skipLeb('i64');
  else if (opcode === 0x43) reader.slice(4, 'f32');
  else if (opcode === 0x44) reader.slice(8, 'f64');
  else if (opcode === 0x23) reader.u32('global');
  else throw new Error('another kind of constant');
  if (reader.byte('end') !== END) throw new Error('a longer constant');
  return value;
}

/** Signed LEB128 of 32 bits, with nothing in the bits beyond. */
function i32(reader: ByteReader): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.byte('i32');
    value |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (shift < 28) return (value << (25 - shift)) >> (25 - shift);
    const beyond = byte & 0x78;
    if (beyond !== 0 && beyond !== 0x78) break;
    return value;
  }
  throw new Error('not an i32');
}

function withGlobals(section: Section, count: number, values: Variables['values']): Uint8Array {
  if (values.length === 0) return section.whole;
  const { bytes, end } = section.reader;
  // Past the count, whatever number of bytes it took.
  const start = new ByteReader(bytes, end - bodyLength(section), end);
  start.u32('exports');
  const added = values.flatMap(({ name, index }) => [
    ...leb(name.length),
    ...Buffer.from(name),
    3,
    ...leb(index),
  ]);
  return lebSection(EXPORT, [
    Uint8Array.from(leb(count + values.length)),
    bytes.subarray(start.offset, end),
    Uint8Array.from(added),
  ]);
}

function bodyLength({ whole }: Section): number {
  const head = new ByteReader(whole, 1);
  return head.u32('section size');
}

function readMemory(
  memory: Section | undefined,
  data: Section | undefined,
  sections: readonly Section[],
  exports: ReadonlyMap<string, { kind: number; index: number }>,
): { section: Uint8Array; image: NonNullable<ModuleImage['memory']> } | undefined {
  if (memory === undefined || data === undefined) return undefined;
  const after = sections.slice(sections.indexOf(data) + 1);
  if (after.some(({ id }) => id !== 0)) return undefined;
  const { reader } = memory;
  if (reader.u32('memories') !== 1) return undefined;
  const { initial: pages, maximum } = readLimits(reader, 'memory');
  if (!reader.done || (maximum !== undefined && maximum < pages)) return undefined;
  const name = [...exports].find(([, { kind, index }]) => kind === 2 && index === 0)?.[0];
  if (name === undefined || pages < SKELETON_PAGES) return undefined;
  const segments = readSegments(data.reader, pages * PAGE_BYTES);
  if (segments === undefined) return undefined;
  const limits = maximum === undefined ? [0] : [1];
  const sizes = [...leb(SKELETON_PAGES), ...(maximum === undefined ? [] : leb(maximum))];
  return {
    section: sectionOf(MEMORY, Uint8Array.from([1, ...limits, ...sizes])),
    image: { name, pages, segments },
  };
}

/** Neighbours put together; undefined where they are few, or not in ascending order. */
function readSegments(
  reader: ByteReader,
  memoryBytes: number,
): { offset: number; bytes: Uint8Array }[] | undefined {
  const groups: { offset: number; end: number; parts: [number, Uint8Array][] }[] = [];
  let dataBytes = 0;
  for (let left = reader.u32('segments'); left > 0; left--) {
    if (reader.byte('kind') !== 0 || reader.byte('offset') !== I32_CONST) return undefined;
    const offset = i32(reader) >>> 0;
    if (reader.byte('end') !== END) return undefined;
    const inner = reader.slice(reader.u32('length'), 'segment');
    const bytes = inner.bytes.subarray(inner.offset, inner.end);
    if (offset + bytes.length > memoryBytes) return undefined;
    dataBytes += bytes.length;
    const last = groups.at(-1);
    if (last !== undefined && offset < last.end) return undefined;
    if (last !== undefined && offset - last.end <= GAP_BYTES_MAX) {
      last.parts.push([offset, bytes]);
      last.end = offset + bytes.length;
    } else groups.push({ offset, end: offset + bytes.length, parts: [[offset, bytes]] });
  }
  if (!reader.done || dataBytes < DATA_BYTES_MIN || groups.length > SEGMENTS_MAX) return undefined;
  return groups.map(({ offset, end, parts }) => {
    const bytes = new Uint8Array(end - offset);
    for (const [at, part] of parts) bytes.set(part, at - offset);
    return { offset, bytes };
  });
}
