import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FunctionId, PopmeshError } from '@popmesh/contracts';
import { create, FunctionConfigSchema } from '@popmesh/protocol';
import type { Prepared } from '../index.ts';
import { buildGuest, countingGuest } from '../testing/guests.ts';
import { Harness, testClock } from '../testing/harness.ts';
import { poison } from '../testing/poison.ts';

/** What is about to be deployed, tried in real processes beside what is live. */

const LIVE: FunctionId = 'canary/live';

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a trial', () => {
  let harness: Harness;
  const prove = (id: FunctionId, prepared: Prepared, signal = new AbortController().signal) =>
    harness.runtime.prove(
      { function: id, prepared, config: create(FunctionConfigSchema, {}) },
      signal,
    );
  const pids = (): (number | undefined)[] => harness.runtime.executors().map(({ pid }) => pid);

  before(async () => {
    harness = await Harness.start({ executorRestartMs: 0 });
  });
  after(() => harness.stop());

  test('of a namespace’s first function starts the executor that it will have', async () => {
    const prepared = await harness.prepare(await buildGuest(countingGuest('live')));
    await prove(LIVE, prepared);
    const pid = harness.pidOf('canary');
    assert.ok(pid > 0);
    await harness.apply(LIVE, [{ version: 1, weight: 100, prepared }]);
    assert.equal(harness.pidOf('canary'), pid);
    assert.equal((await harness.call(LIVE, '/')).text, 'live 1');
  });

  test('that ends its process is refused, and what is live notices nothing', async () => {
    const pid = harness.pidOf('canary');
    const bad = await harness.prepare(await buildGuest(countingGuest('poison 3')));
    await poison(bad);
    await assert.rejects(prove(LIVE, bad), (error: PopmeshError) => {
      assert.equal(error.code, 'invalid_component');
      assert.equal(error.details.reason, 'executor_failed');
      return true;
    });
    assert.equal(harness.pidOf('canary'), pid);
    assert.equal((await harness.call(LIVE, '/')).text, 'live 2');
    assert.deepEqual(harness.lost, []);
  });

  test('that fails in a new namespace leaves no executor', async () => {
    const bad = await harness.prepare(await buildGuest(countingGuest('poison 4')));
    await poison(bad);
    await assert.rejects(prove('new/bad', bad), /does not start/);
    const isGone = () => harness.runtime.executors().every((it) => it.namespace !== 'new');
    while (!isGone()) await testClock.sleep(10);
  });

  test('whose caller goes away ends at once, with the executor that it was the first of', async () => {
    const endless = await harness.prepare(await buildGuest(countingGuest('for ever')));
    const abort = new AbortController();
    const outcome = prove('left/f', endless, abort.signal);
    outcome.catch(() => {});
    const pidOf = () => harness.runtime.executors().find((it) => it.namespace === 'left')?.pid;
    while (pidOf() === undefined) await testClock.sleep(1);
    const pid = pidOf() ?? assert.fail();
    // Frozen, it would run for as long as a trial may.
    process.kill(pid, 'SIGSTOP');
    abort.abort(new Error('gone'));
    await assert.rejects(outcome, /gone/);
    const deadlineMs = performance.now() + 3000;
    while (isAlive(pid) && performance.now() < deadlineMs) await testClock.sleep(10);
    assert.equal(isAlive(pid), false);
    assert.equal(pidOf(), undefined);
  });

  test('whose caller goes away is not waited for', async () => {
    const prepared = await harness.prepare(await buildGuest(countingGuest('slow')));
    const abort = new AbortController();
    const outcome = prove(LIVE, prepared, abort.signal);
    abort.abort(new Error('gone'));
    await assert.rejects(outcome, /gone/);
  });

  test('ends with the runtime', async () => {
    const prepared = await harness.prepare(await buildGuest(countingGuest('late')));
    const outcome = prove(LIVE, prepared);
    outcome.catch(() => {});
    await harness.runtime.stop();
    await assert.rejects(outcome, (error: PopmeshError) => error.code === 'unavailable');
    assert.deepEqual(
      pids().filter((pid) => pid !== undefined),
      [],
    );
  });
});
