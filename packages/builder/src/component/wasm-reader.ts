import { PopmeshError } from '@popmesh/contracts';

/** Just enough of the binary format to name what a file is; bounds are checked, nothing is trusted. */

const decoder = new TextDecoder('utf-8', { fatal: true });

export const notWasm = (why: string): PopmeshError =>
  new PopmeshError('invalid_component', `this is not a WebAssembly file: ${why}`);

export class WasmReader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get offset(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    const value = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (value === undefined) throw notWasm('it ends too early');
    this.#at++;
    return value;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw notWasm('a number is too long');
  }

  /** Signed LEB128 of 32 bits. */
  i32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      return shift < 28 ? (value << (25 - shift)) >> (25 - shift) : value;
    }
    throw notWasm('a number is too long');
  }

  /** What has not been read. */
  rest(): Uint8Array {
    const left = this.#bytes.subarray(this.#at, this.#end);
    this.#at = this.#end;
    return left;
  }

  take(length: number): WasmReader {
    if (length > this.#end - this.#at) throw notWasm('a section is longer than the file');
    const part = new WasmReader(this.#bytes, this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  name(): string {
    const part = this.take(this.u32());
    try {
      return decoder.decode(part.#bytes.subarray(part.#at, part.#end));
    } catch {
      throw notWasm('a name is not UTF-8');
    }
  }
}

const PREAMBLE_BYTES = 8;

/** Of a module or a component whose first bytes are known to be right. */
export function* wasmSections(
  bytes: Uint8Array,
): Generator<{ id: number; whole: Uint8Array; body: WasmReader }> {
  const reader = new WasmReader(bytes, PREAMBLE_BYTES);
  let start = PREAMBLE_BYTES;
  while (!reader.done) {
    const id = reader.byte();
    const body = reader.take(reader.u32());
    const end = reader.offset;
    yield { id, whole: bytes.subarray(start, end), body };
    start = end;
  }
}
