import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@popmesh/contracts';
import { VirtualClock } from '@popmesh/simulation';
import { ChunkChannel } from './chunk-channel.ts';
import type { ChunkExchange } from './chunk-exchange.ts';
import { CHUNK_WRITES_WAITING_MAX, SEED_CONCURRENCY } from './limits.ts';

const bytes = new Uint8Array(1);
const ended = new AbortController().signal;

function world() {
  const clock = new VirtualClock();
  const seen = { troubles: 0 };
  const channel = new ChunkChannel({
    clock,
    logger: silentLogger,
    publishWaitMs: 1_000,
    stopping: new AbortController().signal,
    onTrouble: () => {
      seen.troubles++;
    },
    onFilled: () => {},
    onUnfilled: () => {},
  });
  return { clock, channel, seen };
}

/** A connection whose fillings and writes end when the test says so. */
function connection() {
  const fillings: PromiseWithResolvers<number>[] = [];
  const writes: PromiseWithResolvers<void>[] = [];
  const exchange = {
    seed: () => {
      const filling = Promise.withResolvers<number>();
      fillings.push(filling);
      return filling.promise;
    },
    write: () => {
      const write = Promise.withResolvers<void>();
      writes.push(write);
      return write.promise;
    },
    collect: async () => assert.fail('nobody said what is in use'),
  } as unknown as ChunkExchange;
  return { exchange, fillings, writes };
}

test('a filling that hangs on a lost connection does not keep the next one from being filled', async () => {
  const { clock, channel } = world();
  const [lost, next] = [connection(), connection()];
  channel.resume(lost.exchange, ended, true);
  channel.pause();
  channel.resume(next.exchange, ended, true);
  assert.equal(next.fillings.length, 0, 'one at a time');
  lost.fillings[0]?.reject(new Error('no answer'));
  await clock.settle();
  assert.equal(next.fillings.length, 1);
});

test('a filling that failed waits for the next comparison, and is not repeated at once', async () => {
  const { clock, channel, seen } = world();
  const only = connection();
  channel.resume(only.exchange, ended, true);
  only.fillings[0]?.reject(new Error('no space'));
  await clock.settle();
  assert.deepEqual([only.fillings.length, seen.troubles], [1, 0]);
  channel.resume(only.exchange, ended, false);
  assert.equal(only.fillings.length, 2);
});

test('a chunk that became missing during a filling is not forgotten after it', async () => {
  const { clock, channel, seen } = world();
  const only = connection();
  channel.resume(only.exchange, ended, true);
  const many = SEED_CONCURRENCY + CHUNK_WRITES_WAITING_MAX;
  const waiting = Array.from({ length: many }, (_, i) => channel.publish(`d${i}`, bytes));
  assert.equal(await channel.publish('one too many', bytes), 'pending');
  only.fillings[0]?.resolve(0);
  await clock.settle();
  assert.deepEqual([seen.troubles, channel.pending], [1, 1]);
  channel.resume(only.exchange, ended, false);
  only.fillings[1]?.resolve(0);
  await clock.settle();
  assert.equal(channel.pending, 0);
  await clock.advance(1_000);
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['pending']));
});
