import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { FunctionId } from '@popmesh/contracts';
import { create, FunctionConfigSchema } from '@popmesh/protocol';
import type { Prepared } from '../prepare/preparer.ts';
import { readManifest, sha256 } from '../prepare/store.ts';
import { buildGuest, countingGuest } from '../testing/guests.ts';
import { Harness, testClock } from '../testing/harness.ts';
import { poison } from '../testing/poison.ts';

/** Executors that are killed, that end by themselves, and functions that end them. */

describe('an executor that is killed', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start({ spareExecutors: 1 });
  });
  after(() => harness.stop());

  async function killed(namespace: string): Promise<void> {
    const pid = harness.pidOf(namespace);
    process.kill(pid, 'SIGKILL');
    await harness.until(() => ![0, pid].includes(harness.pidOf(namespace)));
  }

  /** Asks until it answers; the address must stay the same. */
  async function answered(id: FunctionId, address: object): Promise<string> {
    for (;;) {
      const answer = await harness
        .call(id, '/', { ...address, agent: false })
        .catch(() => undefined);
      if (answer?.status === 200) return answer.text;
      await testClock.sleep(2);
    }
  }

  test('a blank process takes over, at the same address', async () => {
    await harness.deploy('spare/f', {}, await buildGuest(countingGuest('spare')));
    const address = harness.address('spare');
    while (harness.runtime.spareExecutors().length === 0) await testClock.sleep(5);
    const [spare] = harness.runtime.spareExecutors();
    await killed('spare');
    assert.equal(harness.pidOf('spare'), spare);
    assert.equal(await answered('spare/f', address), 'spare 1');
  });

  test('again and again, with no wait that grows', async (context) => {
    const id: FunctionId = 'often/f';
    await harness.deploy(id, {}, await buildGuest(countingGuest('often')));
    const address = harness.address('often');
    const backMs: number[] = [];
    for (let i = 0; i < 8; i++) {
      const startedMs = performance.now();
      await killed('often');
      assert.equal(await answered(id, address), 'often 1');
      backMs.push(Math.round(performance.now() - startedMs));
    }
    context.diagnostic(`back after ${backMs.join(', ')} ms`);
    assert.deepEqual(harness.lost, []);
  });

  test('what was used last has an instance before it is asked again', async () => {
    const [first, second, standing]: FunctionId[] = ['warm/used', 'warm/never', 'warm/standing'];
    const component = await buildGuest(countingGuest('warm'));
    for (const id of [first, second] as FunctionId[]) await harness.deploy(id, {}, component);
    await harness.deploy(standing as FunctionId, { scaling: { min: 1 } }, component);
    await harness.call(first as FunctionId, '/');
    // The daemon knows what was used by the reports of the executor.
    const used = () =>
      harness.runtime.usage().find((row) => row.function === first && row.requests > 0);
    while (used() === undefined) await testClock.sleep(20);
    const address = harness.address('warm');
    await killed('warm');
    const slots = () =>
      harness.runtime.executors().find((it) => it.namespace === 'warm')?.slots ?? 0;
    while (slots() < 2) await testClock.sleep(20);
    const start = async (id: FunctionId): Promise<string> =>
      String((await harness.call(id, '/', { ...address, agent: false })).headers['popmesh-start']);
    assert.equal(await start(first as FunctionId), 'warm');
    assert.equal(await start(standing as FunctionId), 'warm', 'one that must always have some');
    assert.equal(await start(second as FunctionId), 'cold');
  });
});

describe('a function that ends its executor', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());

  async function servedAgain(id: FunctionId): Promise<void> {
    for (;;) {
      const answer = await harness.call(id, '/', { agent: false }).catch(() => undefined);
      if (answer?.status === 200) return;
      await testClock.sleep(5);
    }
  }

  const deployment = (id: FunctionId, prepared: Prepared, warm: boolean) => ({
    function: id,
    revision: 1_000n,
    warm,
    targets: [{ version: 2, weight: 1, prepared, config: create(FunctionConfigSchema, {}) }],
  });

  test('at its deploy: refused, and the others of its namespace are back', async () => {
    const good: FunctionId = 'canary/good';
    await harness.deploy(good, {}, await buildGuest(countingGuest('good')));
    const pid = harness.pidOf('canary');
    const bad = await harness.prepare(await buildGuest(countingGuest('poison 1')));
    await poison(bad);
    await assert.rejects(
      harness.runtime.apply(deployment('canary/poison', bad, true)),
      (error: { code?: string }) => error.code === 'executor_failed',
    );
    await servedAgain(good);
    assert.notEqual(harness.pidOf('canary'), pid);
    const gone = await harness.call('canary/poison', '/', { agent: false });
    assert.equal(gone.code, 'function_not_found');
    assert.deepEqual(harness.lost, [], 'it was never taken');
  });

  test('when it is first asked: given up, and told; no other function is', async () => {
    const good: FunctionId[] = ['late/one', 'late/two'];
    const component = await buildGuest(countingGuest('good'));
    for (const id of good) await harness.deploy(id, { scaling: { idleTimeoutMs: 1 } }, component);
    const id: FunctionId = 'late/poison';
    const bad = await harness.prepare(await buildGuest(countingGuest('poison 2')));
    await poison(bad);
    await harness.runtime.apply(deployment(id, bad, false));
    // All at once, so that innocent ones are being started, too, when the process ends.
    while (harness.lost.length === 0) {
      await Promise.allSettled([...good, id].map((it) => harness.call(it, '/', { agent: false })));
      await testClock.sleep(5);
    }
    assert.deepEqual(
      harness.lost.map((it) => [it.id, it.error.code]),
      [[id, 'executor_failed']],
    );
    for (const other of good) await servedAgain(other);
    assert.equal((await harness.call(id, '/', { agent: false })).code, 'function_not_found');
    // Its next deployment is judged by itself.
    await harness.deploy(id, {}, await buildGuest(countingGuest('mended')));
    assert.match((await harness.call(id, '/', { agent: false })).text, /^mended/);
    assert.equal(harness.lost.length, 1);
  });
});

describe('files that are damaged while the executor runs', () => {
  test('are made again before they are run', async () => {
    const harness = await Harness.start();
    try {
      const id: FunctionId = 'damaged/f';
      const component = await buildGuest(countingGuest('whole'));
      let loads = 0;
      const prepare = () =>
        harness.runtime.prepare(
          {
            digest: sha256(component),
            load: async () => {
              loads++;
              return component;
            },
          },
          { memoryMb: 128 },
          new AbortController().signal,
        );
      await prepare();
      // As after a restart of the node: found on disk.
      const prepared = await prepare();
      assert.equal(loads, 1);
      const config = create(FunctionConfigSchema, {});
      const targets = [{ version: 1, weight: 1, prepared, config }];
      await harness.runtime.apply({ function: id, revision: 1n, warm: false, targets });
      const { files } = await readManifest(prepared.directory);
      const code = files.find((it) => it.name.endsWith('.wasm'));
      assert.ok(code !== undefined);
      const file = join(prepared.directory, code.file);
      const bytes = await readFile(file);
      const at = code.offset + (code.sizeBytes >> 1);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      // In place: the executor's link is to the same file.
      await writeFile(file, bytes);
      const answers = await Promise.all([1, 2, 3].map(() => harness.call(id, '/')));
      for (const { status, text } of answers) assert.equal(status, 200, text);
      assert.equal(loads, 2, 'made again, once');
    } finally {
      await harness.stop();
    }
  });
});
