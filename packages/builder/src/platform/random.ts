import { host, requireRunning, running } from './host.ts';

/**
 * Math.random (the engine's seed is in the snapshot: every instance would draw the
 * same numbers) and the part of crypto that needs only random bytes. Bytes for UUIDs
 * are drawn from the host in blocks, since a host call costs as much as fifty lines.
 */

const BLOCK_BYTES = 1024;
/** What one call of getRandomValues may ask for, by the standard and by the host. */
const RANDOM_BYTES_MAX = 65_536;

let block = new Uint8Array(0);
let used = 0;

function take(length: number): Uint8Array {
  if (used + length > block.length) {
    block = host.random(BLOCK_BYTES) as Uint8Array<ArrayBuffer>;
    used = 0;
  }
  used += length;
  return block.subarray(used - length, used);
}

let a = 0x9e3779b9;
let b = 0x243f6a88;
let c = 0xb7e15162;
let d = 1;
let seeded = false;

/** sfc32: 32 good bits for a dozen additions. */
function next32(): number {
  const t = (((a + b) | 0) + d) | 0;
  d = (d + 1) | 0;
  a = b ^ (b >>> 9);
  b = (c + (c << 3)) | 0;
  c = (c << 21) | (c >>> 11);
  c = (c + t) | 0;
  return t >>> 0;
}

export function random(): number {
  if (!seeded && running) {
    const seed = new DataView(host.random(16).slice().buffer);
    a = seed.getInt32(0);
    b = seed.getInt32(4);
    c = seed.getInt32(8);
    d = seed.getInt32(12);
    seeded = true;
    for (let i = 0; i < 12; i++) next32();
  }
  return ((next32() >>> 5) * 67_108_864 + (next32() >>> 6)) / 9_007_199_254_740_992;
}

type IntegerArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export function getRandomValues<T extends IntegerArray>(array: T): T {
  requireRunning('crypto.getRandomValues');
  if (!ArrayBuffer.isView(array) || /^(?:Float|DataView)/.test(array.constructor.name)) {
    throw new DOMException('An integer typed array is needed', 'TypeMismatchError');
  }
  const { byteLength } = array;
  if (byteLength > RANDOM_BYTES_MAX) {
    throw new DOMException(`At most ${RANDOM_BYTES_MAX} bytes at once`, 'QuotaExceededError');
  }
  if (byteLength > 0) {
    const bytes = byteLength <= 64 ? take(byteLength) : host.random(byteLength);
    new Uint8Array(array.buffer, array.byteOffset, byteLength).set(bytes);
  }
  return array;
}

export function randomUUID(): string {
  requireRunning('crypto.randomUUID');
  const bytes = take(16).slice();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toHex();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
