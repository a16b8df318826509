import type { TextCache } from './text-cache.ts';

/**
 * A guest's linear memory as the canonical ABI sees it: every pointer and length that comes
 * from the guest is checked against the memory's bounds and the type's alignment here, and
 * what does not fit is thrown, which traps the guest and nobody else. Views are kept between
 * calls, since `memory.buffer` is a native call; growth detaches the old buffer, whose views
 * then have length 0. Refused: an array per string and per list, each an allocation outside
 * V8's heap (a fifth of a hello-world's time).
 */

export interface LinearMemory {
  readonly buffer: ArrayBufferLike;
}
export type Realloc = (from: number, fromSize: number, align: number, size: number) => number;

/** Whether the guest may call out: not while it allocates for the host. */
export interface Leave {
  allowed: boolean;
}

const NONE = new Uint8Array(0);
/** Below this a loop is quicker than a call into C++. */
const SHORT = 32;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export class GuestMemory {
  readonly #memory: () => LinearMemory;
  readonly #realloc: () => Realloc;
  readonly #leave: Leave;
  readonly #texts: TextCache;
  #bytes: Uint8Array = NONE;
  #buffer: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(NONE.buffer);

  constructor(memory: () => LinearMemory, realloc: () => Realloc, leave: Leave, texts: TextCache) {
    this.#memory = memory;
    this.#realloc = realloc;
    this.#leave = leave;
    this.#texts = texts;
  }

  /** Where `size` bytes begin that are all within the memory. */
  range(pointer: number, size: number, align: number): number {
    if (this.#bytes.length === 0) this.#refresh();
    const at = pointer >>> 0;
    if (at + size > this.#bytes.length) throw new RangeError('a pointer beyond the memory');
    if (at % align !== 0) throw new RangeError('a pointer that is not aligned');
    return at;
  }

  // The next ones take places that `range` gave, and no guest code has run since.

  setByte(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  setU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  setU64(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, true);
  }

  getU32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** A copy, which the guest cannot change afterwards. */
  copy(pointer: number, length: number): Uint8Array<ArrayBuffer> {
    const size = length >>> 0;
    const at = this.range(pointer, size, 1);
    return this.#bytes.slice(at, at + size) as Uint8Array<ArrayBuffer>;
  }

  /** A string; what is not UTF-8 traps. */
  text(pointer: number, length: number): string {
    const size = length >>> 0;
    const at = this.range(pointer, size, 1);
    return (
      this.#texts.find(this.#bytes, at, size) ??
      this.#texts.keep(decoder.decode(this.#bytes.subarray(at, at + size)), size)
    );
  }

  /** Bytes as a string with one character for each. */
  latin1(pointer: number, length: number): string {
    const size = length >>> 0;
    const at = this.range(pointer, size, 1);
    return (
      this.#texts.find(this.#bytes, at, size) ??
      this.#texts.keep(this.#buffer.toString('latin1', at, at + size), size)
    );
  }

  /** Room in the guest for the host to write to; 0 bytes need none. */
  allocate(size: number, align: number): number {
    if (size === 0) return align;
    const leave = this.#leave;
    leave.allowed = false;
    let pointer: number;
    try {
      pointer = this.#realloc()(0, 0, align, size);
    } finally {
      leave.allowed = true;
    }
    return this.range(pointer, size, align);
  }

  putBytes(bytes: Uint8Array): number {
    const at = this.allocate(bytes.length, 1);
    if (bytes.length > 0) this.#bytes.set(bytes, at);
    return at;
  }

  /** `text.length` bytes: each character is below 256. */
  putLatin1(text: string): number {
    const { length } = text;
    const at = this.allocate(length, 1);
    if (length === 0) return at;
    if (length > SHORT) this.#buffer.write(text, at, 'latin1');
    else {
      const bytes = this.#bytes;
      for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    }
    return at;
  }

  /** The characters of `text` from one place to another, each below 256, as bytes. */
  putSlice(place: number, text: string, from: number, to: number): void {
    const length = to - from;
    const pointer = this.allocate(length, 1);
    const bytes = this.#bytes;
    const shift = pointer - from;
    for (let i = from; i < to; i++) bytes[shift + i] = text.charCodeAt(i);
    this.putPair(place, pointer, length);
  }

  /** Puts a string somewhere in the guest and its (pointer, length) at `place`. */
  putText(place: number, text: string): void {
    let pointer: number;
    let { length } = text;
    if (isAscii(text)) pointer = this.putLatin1(text);
    else {
      const bytes = encoder.encode(text);
      length = bytes.length;
      pointer = this.putBytes(bytes);
    }
    this.putPair(place, pointer, length);
  }

  /** Guest code may have run since `place` was checked: memory grows, and never shrinks. */
  putPair(place: number, first: number, second: number): void {
    if (this.#bytes.length === 0) this.#refresh();
    this.#view.setUint32(place, first, true);
    this.#view.setUint32(place + 4, second, true);
  }

  #refresh(): void {
    const { buffer } = this.#memory();
    this.#bytes = new Uint8Array(buffer);
    this.#buffer = Buffer.from(buffer as ArrayBuffer);
    this.#view = new DataView(buffer);
  }
}

function isAscii(text: string): boolean {
  if (text.length > SHORT) return !NOT_ASCII.test(text);
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII begins with them.
const NOT_ASCII = /[^\x00-\x7f]/;
