import { type BufferSource, concatBytes, isBufferSource, toBytes } from './buffer-source.ts';
import { nowMs } from './clock.ts';
import { tag } from './define.ts';
import { bytesToStream } from './pipe.ts';
import type { ReadableStream } from './streams.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** Blob and File: all bytes in memory, slices share them. */

export type BlobPart = string | BufferSource | Blob;

const normaliseType = (type: unknown): string => {
  const text = type === undefined ? '' : `${type}`;
  return /[^\x20-\x7e]/.test(text) ? '' : text.toLowerCase();
};

export class Blob {
  #bytes: Uint8Array;
  #type: string;

  constructor(parts?: Iterable<BlobPart>, options?: { type?: string; endings?: string }) {
    if (parts !== undefined && (typeof parts !== 'object' || parts === null)) {
      throw new TypeError('A Blob is made from a list of parts');
    }
    const native = options?.endings === 'native';
    const all: Uint8Array[] = [];
    for (const part of parts ?? []) {
      if (part instanceof Blob) all.push(part.#bytes);
      // A copy, as the memory may be written later.
      else if (isBufferSource(part)) all.push(toBytes(part).slice());
      else all.push(encodeUtf8(native ? `${part}`.replace(/\r?\n|\r/g, '\n') : `${part}`));
    }
    this.#bytes = all.length === 1 ? (all[0] as Uint8Array) : concatBytes(all);
    this.#type = normaliseType(options?.type);
  }

  get size(): number {
    return this.#bytes.length;
  }
  get type(): string {
    return this.#type;
  }

  slice(start = 0, end = this.size, type = ''): Blob {
    const blob = new Blob();
    const clamp = (n: number): number =>
      n < 0 ? Math.max(this.size + n, 0) : Math.min(n, this.size);
    const from = clamp(Math.trunc(start) || 0);
    blob.#bytes = this.#bytes.subarray(from, Math.max(from, clamp(Math.trunc(end) || 0)));
    blob.#type = normaliseType(type);
    return blob;
  }

  async text(): Promise<string> {
    const text = decodeUtf8(this.#bytes, false);
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
  async bytes(): Promise<Uint8Array> {
    return this.#bytes.slice();
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer as ArrayBuffer;
  }
  stream(): ReadableStream<Uint8Array> {
    return bytesToStream(() => this.#bytes);
  }

  static bytesOf(blob: Blob): Uint8Array {
    return blob.#bytes;
  }
}

export const { bytesOf } = Blob;
Reflect.deleteProperty(Blob, 'bytesOf');

export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  constructor(
    parts: Iterable<BlobPart>,
    name: string,
    options?: { type?: string; endings?: string; lastModified?: number },
  ) {
    super(parts, options);
    this.#name = `${name}`;
    this.#lastModified = options?.lastModified ?? nowMs();
  }

  get name(): string {
    return this.#name;
  }
  get lastModified(): number {
    return this.#lastModified;
  }
  get webkitRelativePath(): string {
    return '';
  }
}

tag(Blob, 'Blob');
tag(File, 'File');
