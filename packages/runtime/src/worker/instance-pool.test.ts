import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Door, DoorInstance, InstanceContext, PreparedFiles } from './door.ts';
import { InstancePool, type PooledInstance, SURPLUS_WINDOW_CALLS } from './instance-pool.ts';

/** The pool alone; what stands behind it is shown by the tests of the doors and the executor. */

const door = (dispose: () => void): Door => ({
  instanceConcurrency: 1,
  instantiate: async () => ({ memoryBytes: () => 0, dispose }) as unknown as DoorInstance,
});

const exclusive = (
  dispose: () => void = () => {},
  mode: 'exclusive' | 'shared' | 'fresh' = 'exclusive',
  spares = 0,
): InstancePool =>
  new InstancePool({
    door: door(dispose),
    files: {} as PreparedFiles,
    createContext: () => ({}) as InstanceContext,
    mode,
    callsMax: 1_000_000,
    memoryRetireBytes: 1_000,
    spares,
    onDiscard: () => {},
  });

test('a batch of requests that never wait needs one instance', async () => {
  const pool = exclusive();
  await pool.warm();
  const used = new Set<PooledInstance>();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const instance = await pool.acquire();
      assert.equal(instance.running, 1);
      used.add(instance);
      await Promise.resolve();
      pool.release(instance);
    }),
  );
  assert.equal(used.size, 1);
  assert.equal(pool.made, 1);
});

test('requests that wait get an instance each, after one turn of hoping', async () => {
  const pool = exclusive();
  await pool.warm();
  const held = await Promise.all(Array.from({ length: 5 }, () => pool.acquire()));
  assert.equal(new Set(held).size, 5);
  assert.equal(pool.made, 5);
  for (const instance of held) pool.release(instance);
  await pool.acquire();
  assert.equal(pool.made, 5, 'those that are idle are used again');
});

test('what a burst left behind is let go after a window without need, all but one', async () => {
  let disposed = 0;
  const pool = exclusive(() => disposed++);
  await pool.warm();
  const held = await Promise.all(Array.from({ length: 6 }, () => pool.acquire()));
  for (const instance of held) pool.release(instance);
  for (let call = 0; call < 2 * SURPLUS_WINDOW_CALLS; call++) pool.release(await pool.acquire());
  assert.equal(disposed, 4, 'the one in use and one spare stay');
  assert.equal(pool.made, 6);
});

test('an instance that broke is not handed on', async () => {
  const pool = exclusive();
  await pool.warm();
  const first = await pool.acquire();
  const second = pool.acquire();
  pool.discard(first);
  pool.release(first);
  assert.notEqual(await second, first);
  assert.equal(pool.made, 2);
});

test('one that still works for its last request is handed on when that is done', async () => {
  const pool = exclusive();
  await pool.warm();
  const first = await pool.acquire();
  first.retained.set(1, 1);
  pool.release(first);
  const second = pool.acquire();
  first.retained.clear();
  pool.released(first);
  assert.equal(await second, first);
  assert.equal(pool.made, 1);
});

test('one that is there is taken at once; what is not there takes waiting', async () => {
  const pool = exclusive();
  assert.equal(pool.take(), undefined);
  await pool.warm();
  const first = pool.take();
  assert.equal(first?.running, 1);
  assert.equal(pool.take(), undefined, 'it is in use');
  if (first !== undefined) pool.release(first);
  assert.equal(pool.take(), first);
});

test('a shared one is taken by all, until it is retired or broken', async () => {
  const pool = exclusive(() => {}, 'shared');
  assert.equal(pool.take(), undefined);
  const first = await pool.acquire();
  assert.equal(pool.take(), first);
  assert.equal(first.running, 2);
  pool.retire(first);
  assert.equal(pool.take(), undefined);
  const second = await pool.acquire();
  assert.notEqual(second, first);
  assert.equal(pool.take(), second);
  // The first is put back, too late to matter to the second.
  pool.retire(first);
  assert.equal(pool.take(), second);
  pool.discard(second);
  assert.equal(pool.take(), undefined);
  assert.notEqual(await pool.acquire(), second);
});

test('fresh instances stand ready up to the bound, and one that is taken is made again', async () => {
  const pool = exclusive(() => {}, 'fresh', 3);
  await pool.warm();
  while (pool.made < 3) await setImmediate();
  pool.release(await pool.acquire());
  pool.refill();
  while (pool.made < 4) await setImmediate();
  await setImmediate();
  assert.equal(pool.made, 4, 'no more than the bound');
});
