import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { create, FunctionConfigSchema } from '@popmesh/protocol';
import { runtimeConfigSchema } from '../config.ts';
import { planFunction } from '../plan.ts';
import type { Prepared } from '../prepare/preparer.ts';
import { buildGuest } from '../testing/guests.ts';
import { Harness, testClock } from '../testing/harness.ts';
import type { ComponentCode } from '../worker/component-code.ts';
import { ModuleLoader } from './module-loader.ts';
import { SlotPool } from './slot-pool.ts';
import { UsageMeter } from './usage.ts';
import { WorkerSupply } from './worker-supply.ts';

const FN = 'default/hello';

describe('a pool of slots', () => {
  const config = runtimeConfigSchema.parse(undefined);
  let harness: Harness;
  let prepared: Prepared;
  let supply: WorkerSupply;
  before(async () => {
    harness = await Harness.start();
    prepared = await harness.prepare(await buildGuest());
    supply = new WorkerSupply({
      spares: 0,
      workersMax: 2,
      heapMb: 64,
      cores: 2,
      clock: testClock,
    });
  });
  after(async () => {
    await supply.close();
    await harness.stop();
  });

  /** With what it says and does in `order`. */
  function pool(order: string[], load: () => Promise<ComponentCode>, isStarved = false): SlotPool {
    const { digest, door, directory, memoryMb } = prepared;
    const plan = planFunction(create(FunctionConfigSchema, {}), door, memoryMb, config);
    return new SlotPool({
      function: FN,
      target: { version: 1, weight: 1, digest, door, directory, plan },
      load: () => {
        order.push('load');
        return load();
      },
      keep: () => {},
      repair: () => Promise.reject(new Error('nobody can')),
      place: { node: 'n', pop: 'p', region: 'r' },
      config,
      clock: testClock,
      supply,
      usage: new UsageMeter().rowOf(FN, 1),
      schedule: (run) => setImmediate(run),
      onLog: () => {},
      onStart: (state) => order.push(state),
      enter: async () => {
        order.push('enter');
        return () => order.push('leave');
      },
      isStarved: () => isStarved,
      makeRoom: async () => {},
    });
  }

  test('says whose code it is before that is compiled, and when it is over, however it ends', async () => {
    const whole = ['enter', 'starting', 'load', 'started', 'leave'];
    const loader = new ModuleLoader();
    const works = () => loader.load(prepared);
    const fails = () => Promise.reject(new Error('it does not compile'));
    let order: string[] = [];
    const good = pool(order, works);
    await good.warm();
    assert.deepEqual(order, whole);
    await good.close();
    order = [];
    await assert.rejects(pool(order, fails).warm(), /does not compile/);
    assert.deepEqual(order, whole);
    order = [];
    await pool(order, works, true).warm();
    assert.deepEqual(order, whole, 'nor is it compiled unsaid where there is no room to start it');
  });
});
