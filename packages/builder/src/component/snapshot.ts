import { type WasmReader, wasmSections } from './wasm-reader.ts';
import { section, signedLeb, unsignedLeb } from './wasm-writer.ts';

/**
 * The core module that holds a snapshot, as componentize-qjs lays it out: one memory with its
 * content in plain segments, and `__stack_pointer` as the first of its variables. Read to be
 * changed in a few places and written again.
 */

const GLOBAL = 6;
const MEMORY = 5;
const EXPORT = 7;
const DATA = 11;
const PREAMBLE_BYTES = 8;
const I32 = 0x7f;
const I32_CONST = 0x41;
const END = 0x0b;
const GLOBAL_KIND = 3;
export const PAGE_BYTES = 65_536;

export interface Segment {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface Snapshot {
  pages: number;
  stackPointer: number;
  /** In ascending order, none of them in another. */
  segments: Segment[];
}

/** Undefined: this module holds none. */
export function readSnapshot(module: Uint8Array): Snapshot | undefined {
  const bodies = new Map([...wasmSections(module)].map(({ id, body }) => [id, body]));
  const [memory, globals, data, exports] = [MEMORY, GLOBAL, DATA, EXPORT].map((id) =>
    bodies.get(id),
  );
  if (!memory || !globals || !data || !exports || !exportsStackPointer(exports)) return undefined;
  // One memory without a maximum.
  if (memory.u32() !== 1 || memory.byte() !== 0) return undefined;
  const pages = memory.u32();
  globals.u32();
  if (globals.byte() !== I32 || globals.byte() !== 1 || globals.byte() !== I32_CONST) {
    return undefined;
  }
  const stackPointer = globals.i32();
  const segments: Segment[] = [];
  for (let left = data.u32(); left > 0; left--) {
    if (data.byte() !== 0 || data.byte() !== I32_CONST) return undefined;
    const offset = data.i32() >>> 0;
    if (data.byte() !== END) return undefined;
    segments.push({ offset, bytes: data.take(data.u32()).rest() });
  }
  return { pages, stackPointer, segments };
}

function exportsStackPointer(exports: WasmReader): boolean {
  for (let left = exports.u32(); left > 0; left--) {
    const name = exports.name();
    const kind = exports.byte();
    const index = exports.u32();
    if (name === '__stack_pointer') return kind === GLOBAL_KIND && index === 0;
  }
  return false;
}

/** The module again, with what was changed. */
export function writeSnapshot(module: Uint8Array, snapshot: Snapshot): Uint8Array {
  const parts: Uint8Array[] = [module.subarray(0, PREAMBLE_BYTES)];
  for (const { id, whole, body } of wasmSections(module)) {
    if (id === MEMORY) parts.push(section(id, Uint8Array.of(1, 0), unsignedLeb(snapshot.pages)));
    else if (id === GLOBAL) parts.push(globalsWith(body, snapshot.stackPointer));
    else if (id === DATA) parts.push(dataOf(snapshot.segments));
    else parts.push(whole);
  }
  return Buffer.concat(parts);
}

function globalsWith(globals: WasmReader, stackPointer: number): Uint8Array {
  const count = globals.u32();
  for (let head = 0; head < 3; head++) globals.byte();
  globals.i32();
  const first = Uint8Array.of(I32, 1, I32_CONST);
  return section(GLOBAL, unsignedLeb(count), first, signedLeb(stackPointer), globals.rest());
}

function dataOf(segments: readonly Segment[]): Uint8Array {
  const parts = segments.flatMap(({ offset, bytes }) => [
    Uint8Array.of(0, I32_CONST),
    signedLeb(offset),
    Uint8Array.of(END),
    unsignedLeb(bytes.length),
    bytes,
  ]);
  return section(DATA, unsignedLeb(segments.length), ...parts);
}

/** The content as it stands in memory. */
export function contentOf({ pages, segments }: Snapshot): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(pages * PAGE_BYTES);
  for (const { offset, bytes } of segments) content.set(bytes, offset);
  return content;
}

/** Puts bytes at a place that a segment covers, or that follows one closely. */
export function write(snapshot: Snapshot, at: number, bytes: Uint8Array): void {
  const { segments } = snapshot;
  const first = Math.max(
    0,
    segments.findLastIndex(({ offset }) => offset <= at),
  );
  const start = Math.min(segments[first]?.offset ?? at, at);
  let end = at + bytes.length;
  let after = first;
  for (; after < segments.length; after++) {
    const { offset, bytes: old } = segments[after] as Segment;
    if (offset > end) break;
    end = Math.max(end, offset + old.length);
  }
  const joined = new Uint8Array(end - start);
  for (const part of segments.slice(first, after)) joined.set(part.bytes, part.offset - start);
  joined.set(bytes, at - start);
  segments.splice(first, after - first, { offset: start, bytes: joined });
}
