import { PopmeshError } from '@popmesh/contracts';

/** Every refusal of a binary reads the same, and says where. */
export const malformed = (what: string, offset: number): PopmeshError =>
  new PopmeshError('invalid_component', `Not a valid component: ${what} at byte ${offset}`, {
    details: { offset },
  });

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * A cursor over WebAssembly bytes. Every read checks its bound, so that no length in a
 * hostile file makes the walker allocate or run past the end.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  offset: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  byte(what: string): number {
    if (this.offset >= this.end) throw malformed(`unexpected end in ${what}`, this.offset);
    return this.bytes[this.offset++] as number;
  }

  /** LEB128 of at most 32 bits. */
  u32(what: string): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte(what);
      if (shift === 28 && byte > 0x0f) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed(`number too long in ${what}`, this.offset);
  }

  /** LEB128 of at most 64 bits; exact up to 2^53, above that it only means "too large". */
  u64(what: string): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte(what);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed(`number too long in ${what}`, this.offset);
  }

  skipLeb(what: string): void {
    for (let i = 0; i < 10; i++) if (this.byte(what) < 0x80) return;
    throw malformed(`number too long in ${what}`, this.offset);
  }

  /** A reader of the next `length` bytes; this one moves past them. */
  slice(length: number, what: string): ByteReader {
    const end = this.offset + length;
    if (end > this.end) throw malformed(`${what} runs past the end`, this.offset);
    const inner = new ByteReader(this.bytes, this.offset, end);
    this.offset = end;
    return inner;
  }

  /** Nothing may follow what was read. */
  finish(what: string): void {
    if (this.offset !== this.end)
      throw malformed(`${what} is longer than its content`, this.offset);
  }

  name(what: string): string {
    const inner = this.slice(this.u32(what), what);
    try {
      return decoder.decode(this.bytes.subarray(inner.offset, inner.end));
    } catch {
      throw malformed(`${what} is not UTF-8`, inner.offset);
    }
  }
}

/** LEB128 of a number that is not below zero. */
export function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? byte | 0x80 : byte);
  } while (rest > 0);
  return out;
}
