/**
 * XXH3, 64 bits, seed 0, for keys up to 240 bytes. `@node-rs/xxhash` is a native addon, and
 * an executor runs without `--allow-addons`; the two are compared in the tests. Integers of
 * 64 bits make it slow (some microseconds), which only split deployments pay.
 */

export const XXH3_KEY_BYTES_MAX = 240;

const SECRET = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
    'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
    'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
    '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
);
const MASK = (1n << 64n) - 1n;
const PRIME64_1 = 0x9e3779b185ebca87n;
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME64_3 = 0x165667b19e3779f9n;
const PRIME_MX1 = 0x165667919e3779f9n;
const PRIME_MX2 = 0x9fb21c651e98df25n;

const secret = (offset: number): bigint => SECRET.readBigUInt64LE(offset);

const foldedMultiply = (a: bigint, b: bigint): bigint => {
  const product = a * b;
  return (product & MASK) ^ (product >> 64n);
};

function avalanche(value: bigint): bigint {
  let h = value & MASK;
  h ^= h >> 37n;
  h = (h * PRIME_MX1) & MASK;
  return h ^ (h >> 32n);
}

function avalanche64(value: bigint): bigint {
  let h = value & MASK;
  h ^= h >> 33n;
  h = (h * PRIME64_2) & MASK;
  h ^= h >> 29n;
  h = (h * PRIME64_3) & MASK;
  return h ^ (h >> 32n);
}

const rotate = (value: bigint, by: bigint): bigint =>
  ((value << by) | (value >> (64n - by))) & MASK;

function swap64(value: bigint): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.readBigUInt64BE();
}

export function xxh3(text: string): bigint {
  const key = Buffer.from(text).subarray(0, XXH3_KEY_BYTES_MAX);
  const n = key.length;
  if (n === 0) return avalanche64(secret(56) ^ secret(64));
  if (n < 4) return upTo3(key);
  if (n <= 8) return upTo8(key);
  if (n <= 16) return upTo16(key);
  return n <= 128 ? upTo128(key) : upTo240(key);
}

function upTo3(key: Buffer): bigint {
  const n = key.length;
  const [first, middle, last] = [key.readUInt8(0), key.readUInt8(n >> 1), key.readUInt8(n - 1)];
  const combined = ((first << 16) | (middle << 24) | last | (n << 8)) >>> 0;
  const flip = BigInt((SECRET.readUInt32LE(0) ^ SECRET.readUInt32LE(4)) >>> 0);
  return avalanche64(BigInt(combined) ^ flip);
}

function upTo8(key: Buffer): bigint {
  const n = key.length;
  const flip = secret(8) ^ secret(16);
  const low = BigInt(key.readUInt32LE(n - 4));
  const high = BigInt(key.readUInt32LE(0));
  let h = (low + (high << 32n)) ^ flip;
  h ^= rotate(h, 49n) ^ rotate(h, 24n);
  h = (h * PRIME_MX2) & MASK;
  h ^= (h >> 35n) + BigInt(n);
  h = (h * PRIME_MX2) & MASK;
  return h ^ (h >> 28n);
}

function upTo16(key: Buffer): bigint {
  const n = key.length;
  const low = key.readBigUInt64LE(0) ^ (secret(24) ^ secret(32));
  const high = key.readBigUInt64LE(n - 8) ^ (secret(40) ^ secret(48));
  return avalanche(BigInt(n) + swap64(low) + high + foldedMultiply(low, high));
}

const mix16 = (key: Buffer, at: number, secretAt: number): bigint =>
  foldedMultiply(
    key.readBigUInt64LE(at) ^ secret(secretAt),
    key.readBigUInt64LE(at + 8) ^ secret(secretAt + 8),
  );

function upTo128(key: Buffer): bigint {
  const n = key.length;
  let h = BigInt(n) * PRIME64_1;
  for (let i = Math.floor((n - 1) / 32); i >= 0; i--) {
    h += mix16(key, 16 * i, 32 * i);
    h += mix16(key, n - 16 * (i + 1), 32 * i + 16);
  }
  return avalanche(h);
}

function upTo240(key: Buffer): bigint {
  const n = key.length;
  let h = BigInt(n) * PRIME64_1;
  for (let i = 0; i < 8; i++) h += mix16(key, 16 * i, 16 * i);
  h = avalanche(h);
  for (let i = 8; i < Math.floor(n / 16); i++) h += mix16(key, 16 * i, 16 * (i - 8) + 3);
  h += mix16(key, n - 16, 136 - 17);
  return avalanche(h);
}
