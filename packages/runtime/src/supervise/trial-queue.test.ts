import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Clock, PopmeshError } from '@popmesh/contracts';
import { TrialQueue } from './trial-queue.ts';

const never = new AbortController().signal;

/** Timers that go off when they are told to. */
function heldClock(): { clock: Clock; fire: () => void } {
  const timers = new Set<() => void>();
  const clock = {
    setTimer: (_ms: number, run: () => void) => {
      timers.add(run);
      return { cancel: () => void timers.delete(run) };
    },
  } as unknown as Clock;
  return {
    clock,
    fire: () => {
      for (const run of timers) run();
    },
  };
}

/** Trials that last until they are told to end. */
function setUp(waitingMax = 64) {
  const { clock, fire } = heldClock();
  const queue = new TrialQueue({ waitingMax, clock });
  const running = new Map<string, PromiseWithResolvers<void>>();
  const begin = (namespace: string, key: string, signal = never) => {
    const outcome = queue.run(namespace, key, signal, async (ended) => {
      const held = Promise.withResolvers<void>();
      running.set(key, held);
      ended.addEventListener('abort', () => held.reject(ended.reason));
      await held.promise.finally(() => running.delete(key));
    });
    outcome.catch(() => {});
    return outcome;
  };
  const names = async (): Promise<string[]> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    return [...running.keys()].sort();
  };
  return { queue, begin, names, fire, end: (key: string) => running.get(key)?.resolve() };
}

const codeOf = (outcome: Promise<void>): Promise<string> =>
  outcome.then(
    () => 'ok',
    (error: PopmeshError) => error.code,
  );

describe('the turns of trials', () => {
  test('two at a time, of a namespace one: nobody waits for another tenant’s second', async () => {
    const { begin, names, end } = setUp();
    const all = ['m1', 'm2', 'm3'].map((key) => begin('mallory', key));
    all.push(begin('alice', 'a'), begin('bob', 'b'));
    assert.deepEqual(await names(), ['a', 'm1']);
    end('a');
    assert.deepEqual(await names(), ['b', 'm1']);
    end('m1');
    assert.deepEqual(await names(), ['b', 'm2']);
    end('b');
    end('m2');
    assert.deepEqual(await names(), ['m3']);
    end('m3');
    await Promise.all(all);
  });

  test('what has passed is not tried again, what has failed is', async () => {
    const { begin, names, end, queue } = setUp();
    const [first, second] = [begin('alice', 'a'), begin('alice', 'a')];
    assert.deepEqual(await names(), ['a']);
    end('a');
    await Promise.all([first, second, begin('alice', 'a')]);
    const failing = (): Promise<void> =>
      queue.run('alice', 'bad', never, () =>
        Promise.reject(new PopmeshError('function_trapped', 'x')),
      );
    assert.deepEqual(await Promise.all([codeOf(failing()), codeOf(failing())]), [
      'function_trapped',
      'function_trapped',
    ]);
  });

  test('bounded: how many wait, and how long', async () => {
    const { begin, names, fire, end } = setUp(2);
    const running = begin('alice', 'a');
    const waiting = [begin('alice', 'b'), begin('alice', 'c')];
    assert.equal(await codeOf(begin('alice', 'd')), 'overloaded');
    fire();
    assert.deepEqual(await Promise.all(waiting.map(codeOf)), ['overloaded', 'overloaded']);
    assert.deepEqual(await names(), ['a'], 'what runs has a deadline of its own');
    end('a');
    await running;
  });

  test('a caller that goes away leaves its place, and a stop ends all', async () => {
    const { begin, names, queue } = setUp();
    const abort = new AbortController();
    const [first, second] = [begin('alice', 'a'), begin('alice', 'b', abort.signal)];
    abort.abort(new PopmeshError('cancelled', 'gone'));
    assert.equal(await codeOf(second), 'cancelled');
    const third = begin('alice', 'c');
    queue.stop(new PopmeshError('draining', 'it stops'));
    assert.deepEqual(await Promise.all([first, third].map(codeOf)), ['draining', 'draining']);
    assert.equal(await codeOf(begin('bob', 'd')), 'draining');
    assert.deepEqual(await names(), []);
  });
});
