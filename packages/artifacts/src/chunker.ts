import { sha256Hex } from './digest.ts';
import { CHUNK_BYTES_AVERAGE, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN } from './limits.ts';

/**
 * Content-defined chunking after FastCDC (Xia et al. 2016): a gear hash rolls
 * over the bytes and a chunk ends where its top bits are zero, so an insertion
 * moves the boundaries near it only, and two functions share the chunks of the
 * engine that both contain. Refused: fixed-size blocks, which share nothing
 * after the first inserted byte.
 *
 * The cut points are part of the wire format in effect: another table or mask
 * is still correct, but shares nothing with what is already stored.
 */

/** Bytes that a 32-bit gear hash remembers: each step shifts one bit out. */
const WINDOW_BYTES = 32;
const BITS = Math.log2(CHUNK_BYTES_AVERAGE);
const topBits = (count: number): number => (0xffffffff << (32 - count)) | 0;
/** Harder to meet before the average size, easier after ("normalised chunking", level 2). */
const MASK_BEFORE_AVERAGE = topBits(BITS + 2);
const MASK_AFTER_AVERAGE = topBits(BITS - 2);

/** 256 fixed numbers without structure: splitmix32 of the index. */
const GEAR: Int32Array = Int32Array.from({ length: 256 }, (_, index) => {
  let z = Math.imul(index + 1, 0x9e3779b9);
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
});

export interface Chunk {
  readonly digest: string;
  /** A view into the input, not a copy. */
  readonly bytes: Uint8Array;
}

/** Where the chunk that begins at `start` ends (exclusive). */
function cutPoint(bytes: Uint8Array, start: number): number {
  const end = bytes.length;
  if (end - start <= CHUNK_BYTES_MIN) return end;
  const average = Math.min(start + CHUNK_BYTES_AVERAGE, end);
  const limit = Math.min(start + CHUNK_BYTES_MAX, end);
  let hash = 0;
  // Warmed before the minimum, so that the first possible cut depends on content alone.
  let at = start + CHUNK_BYTES_MIN - WINDOW_BYTES;
  for (const warm = start + CHUNK_BYTES_MIN; at < warm; at++) {
    hash = ((hash << 1) + (GEAR[bytes[at] as number] as number)) | 0;
  }
  for (; at < average; at++) {
    hash = ((hash << 1) + (GEAR[bytes[at] as number] as number)) | 0;
    if ((hash & MASK_BEFORE_AVERAGE) === 0) return at + 1;
  }
  for (; at < limit; at++) {
    hash = ((hash << 1) + (GEAR[bytes[at] as number] as number)) | 0;
    if ((hash & MASK_AFTER_AVERAGE) === 0) return at + 1;
  }
  return limit;
}

/** In order; joined they are the input. No chunk for no bytes. */
export function splitIntoChunks(bytes: Uint8Array): Chunk[] {
  const chunks: Chunk[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = cutPoint(bytes, start);
    const part = bytes.subarray(start, end);
    chunks.push({ digest: sha256Hex(part), bytes: part });
    start = end;
  }
  return chunks;
}
