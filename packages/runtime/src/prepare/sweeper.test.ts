import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { test } from 'node:test';
import type { FunctionId } from '@popmesh/contracts';
import { buildGuest, countingGuest } from '../testing/guests.ts';
import { Harness, testClock } from '../testing/harness.ts';
import type { Prepared } from './preparer.ts';

test('what no deployed version uses goes, while what is served goes on; a rollback prepares again', async () => {
  const harness = await Harness.start({ preparedUnusedMb: 0, preparedSweepMs: 1 });
  const isThere = ({ directory }: Prepared): Promise<boolean> =>
    access(directory).then(
      () => true,
      () => false,
    );
  const untilGone = async (prepared: Prepared): Promise<void> => {
    while (await isThere(prepared)) await testClock.sleep(5);
  };
  try {
    const id: FunctionId = 'swept/hello';
    const [one, two, never] = await Promise.all(
      ['one', 'two', 'never'].map((text) => buildGuest(countingGuest(text))),
    );
    assert.ok(one && two && never);
    const first = await harness.prepare(one);
    await harness.apply(id, [{ version: 1, weight: 1, prepared: first }]);
    await harness.apply('swept/other', [{ version: 1, weight: 1, prepared: first }]);
    const second = await harness.prepare(two);
    // Prepared and not served yet: kept for who will.
    const waiting = await harness.prepare(never);
    await harness.apply(id, [{ version: 2, weight: 1, prepared: second }]);
    assert.equal((await harness.call(id, '/')).text, 'two 1');
    assert.equal((await harness.call('swept/other', '/')).text, 'one 1');
    await harness.runtime.remove('swept/other');
    await untilGone(first);
    assert.ok(await isThere(second));
    assert.ok(await isThere(waiting));

    const pid = harness.pidOf('swept');
    process.kill(pid, 'SIGKILL');
    await harness.until(() => ![0, pid].includes(harness.pidOf('swept')));
    await harness.until(() => harness.address('swept').port > 1);
    assert.equal((await harness.call(id, '/', { agent: false })).text, 'two 1');

    const again = await harness.prepare(one);
    assert.equal(again.directory, first.directory);
    await harness.apply(id, [{ version: 1, weight: 1, prepared: again }]);
    assert.equal((await harness.call(id, '/', { agent: false })).text, 'one 1');
    await untilGone(second);
    await harness.runtime.remove(id);
    await untilGone(again);
  } finally {
    await harness.stop();
  }
});
