import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { testClock } from '../testing/harness.ts';
import type { MakeReadyMessage } from '../worker/wire.ts';
import { WorkerSupply } from './worker-supply.ts';

/** Blank workers that are made ready for what never comes to an end there. */

const messageOf = (skeleton: string, glue: string): MakeReadyMessage => ({
  type: 'make-ready',
  door: 'popmesh:function',
  code: {
    skeleton,
    glue: { digest: skeleton, source: glue },
    modules: new Map(),
    active: new Set(),
    isOwnEngine: false,
    images: [],
    sourceMap: undefined,
  },
});

const SPINS = '({ instantiate() { for (;;) {} } })';
const FAILS = '({ instantiate() { throw new Error("no") } })';

describe('blank workers', () => {
  let supply: WorkerSupply;
  const start = (cpuMsMax: number): void => {
    supply = new WorkerSupply({
      spares: 1,
      workersMax: 4,
      heapMb: 64,
      cores: 2,
      clock: testClock,
      makingReady: { cpuMsMax, deadlineMs: 60_000, pollMs: 10 },
    });
  };
  afterEach(() => supply.close());
  const takenIsReady = async (skeleton: string): Promise<boolean | undefined> => {
    const taken = supply.take(skeleton);
    await taken?.worker.terminate();
    return taken?.isReady;
  };
  const gone = async (): Promise<void> => {
    while (supply.alive > 0) await testClock.sleep(5);
  };

  test('one that spins while it is made ready is ended, and nothing is tried again', async () => {
    start(300);
    assert.equal(await supply.expect(messageOf('spins', SPINS)), false);
    await gone();
    assert.equal(supply.favourite.message, undefined);
    supply.favourite.started(messageOf('spins', SPINS).code, 'popmesh:function');
    assert.equal(supply.favourite.message, undefined, 'a function of it does not bring it back');
    supply.refill();
    assert.equal(await takenIsReady('spins'), false, 'the next one is blank');
  });

  test('of a skeleton that no function has any more nothing is left', async () => {
    start(10_000);
    const one = messageOf('one', FAILS);
    supply.favourite.started(one.code, one.door);
    supply.refill();
    supply.keepOnly(new Set(['one']));
    assert.equal(supply.favourite.message?.code.skeleton, 'one');
    supply.keepOnly(new Set(['two']));
    assert.equal(supply.favourite.message, undefined);
    await gone();
    // What the daemon said to expect stays, whoever has functions of it.
    assert.equal(await supply.expect(messageOf('expected', FAILS)), true);
    supply.keepOnly(new Set());
    assert.equal(await takenIsReady('expected'), true);
  });
});
