import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ownAddress,
  SeededRandom,
  SimulatedNetwork,
  StallableClock,
  VirtualClock,
} from './index.ts';

test('timers fire in order of time, then of setting, and cancelled ones never', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ ms: fc.nat(50), cancel: fc.boolean() }), { maxLength: 60 }),
      async (timers) => {
        const clock = new VirtualClock();
        const fired: number[] = [];
        timers.forEach(({ ms, cancel }, i) => {
          const timer = clock.setTimer(ms, () => {
            assert.equal(clock.monotonic(), ms);
            fired.push(i);
          });
          if (cancel) timer.cancel();
        });
        await clock.advance(50);
        const expected = timers
          .map((timer, i) => ({ ...timer, i }))
          .filter((timer) => !timer.cancel)
          .sort((a, b) => a.ms - b.ms || a.i - b.i)
          .map((timer) => timer.i);
        assert.deepEqual(fired, expected);
        assert.equal(clock.timers, 0);
      },
    ),
    { numRuns: 50 },
  );
});

test('sleep obeys its signal and leaves no timer', async () => {
  const clock = new VirtualClock();
  const abort = new AbortController();
  const slept = clock.sleep(100, abort.signal);
  abort.abort(new Error('enough'));
  await assert.rejects(slept, /enough/);
  assert.equal(clock.timers, 0);
  await assert.rejects(clock.sleep(1, abort.signal), /enough/);
});

test('the wall clock jumps, the monotonic one does not', async () => {
  const clock = new VirtualClock();
  const before = clock.now();
  clock.jumpWall(-600_000);
  await clock.advance(5);
  assert.equal(clock.now(), before - 599_995);
  assert.equal(clock.monotonic(), 5);
});

test('a stalled view fires late, and a timer cancelled meanwhile not at all', async () => {
  const world = new VirtualClock();
  const clock = new StallableClock(world);
  const fired: string[] = [];
  clock.setTimer(10, () => fired.push(`kept at ${clock.monotonic()}`));
  const dropped = clock.setTimer(10, () => fired.push('dropped'));
  clock.stall(100);
  await world.advance(50);
  assert.deepEqual(fired, []);
  dropped.cancel();
  await world.advance(60);
  assert.deepEqual(fired, ['kept at 100']);
});

test('the same seed gives the same stream, spread evenly', () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 100 }, () => random.integer(1000));
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
  const random = new SeededRandom(0);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const bin = random.integer(10);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(count > 850 && count < 1150, `${counts}`);
});

test('the network delays, loses, duplicates, cuts one way, refuses, and heals', async () => {
  const clock = new VirtualClock();
  const network = new SimulatedNetwork(clock, new SeededRandom(1), { delayMs: 10, jitterMs: 5 });
  const got: { from: string; atMs: number }[] = [];
  const refused: unknown[] = [];
  const listener = {
    receive: (from: string) => got.push({ from, atMs: clock.monotonic() }),
    refused: (_to: string, message: unknown) => refused.push(message),
  };
  network.listen('a', listener);
  const unlisten = network.listen('b', listener);
  network.send('a', 'b', 1);
  await clock.advance(20);
  assert.equal(got.length, 1);
  assert.ok((got[0]?.atMs ?? 0) >= 5 && (got[0]?.atMs ?? 99) <= 15);

  network.cutOneWay(['a'], ['b']);
  network.send('a', 'b', 2);
  network.send('b', 'a', 3);
  await clock.advance(20);
  assert.deepEqual(got.map((one) => one.from).slice(1), ['b']);

  network.heal();
  network.setFaults({ loss: 0.5, duplication: 0.5 });
  for (let i = 0; i < 1000; i++) network.send('a', 'b', i);
  await clock.advance(20);
  assert.ok(got.length > 600 && got.length < 900, String(got.length));

  network.setFaults({ loss: 0, duplication: 0 });
  unlisten();
  network.send('a', 'b', 'nobody');
  await clock.advance(40);
  assert.deepEqual(refused, ['nobody']);
});

test('an address of one\u2019s own is free, another each time, and passes over what is taken', async () => {
  const first = await ownAddress();
  const taken = createServer().listen(first.port + 1, first.host);
  await once(taken, 'listening');
  const second = await ownAddress();
  assert.ok(second.port !== first.port && second.port !== first.port + 1);
  const server = createServer().listen(second.port, second.host);
  await once(server, 'listening');
  for (const each of [taken, server]) {
    each.close();
    await once(each, 'close');
  }
});
