import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionId } from '@popmesh/contracts';
import { Harness, testClock } from '../testing/harness.ts';

/** Real processes, and a budget that they exceed as they are. */

const FLOOR: FunctionId = 'kept/floor';
const IDLE: FunctionId = 'idle/f';

test('above the budget idle instances end, running ones do not, and cold starts are refused', async () => {
  const harness = await Harness.start({ memoryBudgetMb: 1 });
  try {
    // Never idle: this many instances it is to have.
    await harness.deploy(FLOOR, { scaling: { min: 1, max: 1 } });
    await harness.deploy(IDLE, { scaling: { max: 1 } });
    // Whatever comes before an executor has heard of it may still be served.
    for (;;) {
      const answer = await harness.call(IDLE, '/sleep?ms=700');
      if (answer.status === 503) {
        assert.equal(answer.code, 'overloaded');
        assert.equal(answer.headers['popmesh-overload'], '1');
        assert.match(answer.text, /no memory for a cold start/);
        break;
      }
      // Executors report twice a second: it was asked for memory meanwhile.
      assert.equal(answer.text, 'slept', 'what runs is not idle');
      // Now it is idle for as long.
      await testClock.sleep(700);
    }
    for (let i = 0; i < 5; i++) {
      assert.equal((await harness.call(FLOOR, '/hello')).text, 'hello', 'those that stand serve');
      assert.equal((await harness.call(IDLE, '/hello')).code, 'overloaded');
    }
    const workers = () =>
      harness.runtime.executors().find((it) => it.namespace === 'idle')?.workers ?? 9;
    // The blank one is left.
    while (workers() > 1) await testClock.sleep(50);
  } finally {
    await harness.stop();
  }
});

test('below the budget nothing ends and nothing is refused', async () => {
  const harness = await Harness.start({ memoryBudgetMb: 100_000 });
  try {
    await harness.deploy(IDLE, { scaling: { max: 1 } });
    const reported = () => harness.runtime.executors().find((it) => it.namespace === 'idle');
    while ((reported()?.workers ?? 0) < 2) await testClock.sleep(50);
    const answer = await harness.call(IDLE, '/hello');
    assert.equal(answer.headers['popmesh-start'], 'warm');
  } finally {
    await harness.stop();
  }
});
