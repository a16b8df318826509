import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import { SeededRandom, VirtualClock } from '@popmesh/simulation';
import type { ChunkStorage } from './chunk-storage.ts';
import { type ArtifactsConfig, artifactsConfigSchema } from './config.ts';
import { sha256Hex } from './digest.ts';
import { CHUNK_BYTES_MAX } from './limits.ts';

/** What every chunk store must do; the memory and the disk store both run it. */
export function chunkStorageContract(
  name: string,
  create: (options: { clock: VirtualClock; config: ArtifactsConfig }) => Promise<{
    store: ChunkStorage;
    destroy: () => Promise<void>;
  }>,
): void {
  const random = new SeededRandom(7);
  const graceMs = 1_000;
  const each = (
    title: string,
    run: (store: ChunkStorage, clock: VirtualClock) => Promise<void>,
    storeBytesMax = 4 * CHUNK_BYTES_MAX,
  ): void => {
    test(`${name}: ${title}`, async () => {
      const clock = new VirtualClock();
      const config = artifactsConfigSchema.parse({ storeBytesMax, collectGraceMs: graceMs });
      const { store, destroy } = await create({ clock, config });
      try {
        await run(store, clock);
      } finally {
        await destroy();
      }
    });
  };

  each('gives back what was put, under its SHA-256', async (store) => {
    const bytes = random.bytes(1_000);
    const digest = await store.put(bytes);
    assert.equal(digest, sha256Hex(bytes));
    assert.ok(store.has(digest));
    assert.deepEqual(new Uint8Array((await store.get(digest)) ?? []), bytes);
  });

  each('has nothing under a digest never put', async (store) => {
    assert.equal(await store.get('0'.repeat(64)), undefined);
    assert.equal(store.has('0'.repeat(64)), false);
    await store.delete('0'.repeat(64));
  });

  each('counts equal bytes once, also when put at the same time', async (store) => {
    const bytes = random.bytes(500);
    const digests = await Promise.all(Array.from({ length: 20 }, () => store.put(bytes)));
    assert.equal(new Set(digests).size, 1);
    assert.equal(store.sizeBytes, 500);
    assert.deepEqual(store.list(), [digests[0]]);
  });

  each('keeps its own copy of the bytes', async (store) => {
    const bytes = random.bytes(64);
    const digest = await store.put(bytes);
    bytes.fill(0);
    const read = await store.get(digest);
    assert.equal(sha256Hex(read ?? new Uint8Array()), digest);
    read?.fill(1);
    assert.equal(sha256Hex((await store.get(digest)) ?? new Uint8Array()), digest);
  });

  each('refuses a chunk above the bound', async (store) => {
    await assert.rejects(
      store.put(new Uint8Array(CHUNK_BYTES_MAX + 1)),
      hasCode('payload_too_large'),
    );
    assert.equal(store.sizeBytes, 0);
  });

  each('forgets what was deleted', async (store) => {
    const digest = await store.put(random.bytes(100));
    await store.delete(digest);
    assert.equal(await store.get(digest), undefined);
    assert.equal(store.sizeBytes, 0);
    assert.deepEqual(store.list(), []);
  });

  each('put and delete of one digest at once end in one of the two states', async (store) => {
    const bytes = random.bytes(100);
    for (let round = 0; round < 20; round++) {
      const digest = await store.put(bytes);
      await Promise.all([store.delete(digest), store.put(bytes), store.get(digest)]);
      assert.ok(store.has(digest), 'the put came last');
      assert.equal((await store.get(digest))?.length, 100);
    }
  });

  each(
    'refuses more than its size limit as storage_failed, and takes it after a delete',
    async (store) => {
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, () => store.put(random.bytes(300))),
      );
      const refused = results.filter((result) => result.status === 'rejected');
      assert.equal(refused.length, 5);
      for (const result of refused) assert.ok(hasCode('storage_failed')(result.reason));
      assert.equal(store.sizeBytes, 900);
      await store.delete(store.list()[0] ?? '');
      await store.put(random.bytes(300));
    },
    1_000,
  );

  each('collects only what stayed unused for the whole grace period', async (store, clock) => {
    const kept = await store.put(random.bytes(10));
    const unusedBytes = random.bytes(11);
    const unused = await store.put(unusedBytes);
    assert.deepEqual(await store.retain([kept]), []);
    clock.jumpWall(86_400_000);
    assert.deepEqual(await store.retain([kept]), [], 'a jump of the wall clock deletes nothing');
    await clock.advance(graceMs - 1);
    await store.put(unusedBytes);
    await clock.advance(1);
    assert.deepEqual(await store.retain([kept]), [], 'put again, so the period began anew');
    await clock.advance(graceMs);
    assert.deepEqual(await store.retain([kept]), [unused]);
    assert.deepEqual(store.list(), [kept]);
  });

  each(
    'what is kept begins its period anew, what is not there cannot be kept',
    async (store, clock) => {
      const digest = await store.put(random.bytes(10));
      await store.retain([]);
      await clock.advance(graceMs);
      assert.equal(store.keep(digest), true);
      assert.equal(store.keep('0'.repeat(64)), false);
      assert.deepEqual(await store.retain([]), []);
      await clock.advance(graceMs);
      assert.deepEqual(await store.retain([]), [digest]);
      assert.equal(store.keep(digest), false);
    },
  );

  each(
    'a chunk used again between two collections starts its period anew',
    async (store, clock) => {
      const digest = await store.put(random.bytes(10));
      await store.retain([]);
      await clock.advance(graceMs);
      await store.retain([digest]);
      assert.deepEqual(await store.retain([]), []);
    },
  );
}

export const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof PopmeshError && error.code === code;
