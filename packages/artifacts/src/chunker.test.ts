import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@popmesh/simulation';
import fc from 'fast-check';
import { splitIntoChunks } from './chunker.ts';
import { sha256Hex } from './digest.ts';
import { CHUNK_BYTES_AVERAGE, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN } from './limits.ts';

const sharedShare = (from: Uint8Array, to: Uint8Array): number => {
  const have = new Set(splitIntoChunks(from).map((chunk) => chunk.digest));
  const shared = splitIntoChunks(to).filter((chunk) => have.has(chunk.digest));
  return shared.reduce((sum, chunk) => sum + chunk.bytes.length, 0) / to.length;
};

/** Mixes noise with runs of one byte, as a wasm file with zeroed memory does. */
function bytesOf(seed: number, length: number, runs: boolean): Uint8Array {
  const random = new SeededRandom(seed);
  const bytes = random.bytes(length);
  if (runs) {
    for (let at = 0; at < length; at += 1 + random.integer(100_000)) {
      bytes.fill(random.integer(256), at, at + random.integer(300_000));
    }
  }
  return bytes;
}

test('chunks join to the input, are bounded, and named by their bytes', () => {
  const run = (seed: number, length: number, runs: boolean): void => {
    const bytes = bytesOf(seed, length, runs);
    const chunks = splitIntoChunks(bytes);
    assert.ok(Buffer.concat(chunks.map((chunk) => chunk.bytes)).equals(bytes));
    chunks.forEach((chunk, index) => {
      assert.ok(chunk.bytes.length > 0 && chunk.bytes.length <= CHUNK_BYTES_MAX);
      if (index < chunks.length - 1) assert.ok(chunk.bytes.length >= CHUNK_BYTES_MIN);
      assert.equal(chunk.digest, sha256Hex(chunk.bytes));
    });
  };
  fc.assert(fc.property(fc.nat(), fc.nat(900_000), fc.boolean(), run), { numRuns: 40 });
  for (const edge of [0, 1, CHUNK_BYTES_MIN, CHUNK_BYTES_MIN + 1, CHUNK_BYTES_MAX])
    run(1, edge, true);
});

test('the same bytes always give the same cuts (they are what stores already hold)', () => {
  const chunks = splitIntoChunks(bytesOf(42, 400_000, false));
  assert.deepEqual(
    chunks.map((chunk) => chunk.bytes.length),
    [28_024, 70_321, 102_232, 81_369, 77_169, 40_885],
  );
});

test('the average is near the aim', () => {
  const count = splitIntoChunks(bytesOf(5, 16 * 1024 * 1024, false)).length;
  const average = (16 * 1024 * 1024) / count;
  assert.ok(
    average > CHUNK_BYTES_AVERAGE * 0.75 && average < CHUNK_BYTES_AVERAGE * 1.5,
    `${average}`,
  );
});

test('an insertion anywhere leaves most chunks as they were', () => {
  const original = bytesOf(6, 2_000_000, false);
  const random = new SeededRandom(7);
  const shares = Array.from({ length: 40 }, () => {
    const at = random.integer(original.length);
    const inserted = Buffer.concat([
      original.subarray(0, at),
      random.bytes(1 + random.integer(5_000)),
      original.subarray(at),
    ]);
    return sharedShare(original, inserted);
  });
  // One insertion may cost several of the largest chunks before the cuts meet again: the
  // mean is the property, a single share is luck.
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  assert.ok(mean > 0.85, `mean ${mean}, least ${Math.min(...shares)}`);
  assert.ok(Math.min(...shares) > 0.3);
});

test('two functions on one engine share the bytes of the engine', () => {
  const engine = bytesOf(8, 1_500_000, false);
  const one = Buffer.concat([engine, bytesOf(9, 50_000, false)]);
  const two = Buffer.concat([bytesOf(10, 777, false), engine, bytesOf(11, 400_000, false)]);
  assert.ok(sharedShare(one, two) > 0.65);
});
