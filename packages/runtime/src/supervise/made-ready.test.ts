import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { silentLogger } from '@popmesh/contracts';
import { create, FunctionConfigSchema } from '@popmesh/protocol';
import { runtimeConfigSchema } from '../config.ts';
import { type PlannedTarget, planFunction } from '../plan.ts';
import type { Prepared } from '../prepare/preparer.ts';
import { MANIFEST_FILE, readManifest, sha256 } from '../prepare/store.ts';
import { buildGuest, countingGuest } from '../testing/guests.ts';
import { Harness, testClock, testRandom } from '../testing/harness.ts';
import { poison } from '../testing/poison.ts';
import { SpareExecutors } from './spare-executors.ts';
import { ExecutorSupervisor } from './supervisor.ts';

/** Blank processes that are made ready for what others run, with what ends them, too. */

const config = runtimeConfigSchema.parse({ spareExecutors: 1, spareWorkers: 1 });

describe('a blank executor process', () => {
  let harness: Harness;
  let good: PlannedTarget;
  let poisoned: PlannedTarget;
  let root: string;
  let spares: SpareExecutors;
  const errors: string[] = [];
  const supervisors: ExecutorSupervisor[] = [];

  const targetOf = ({ digest, door, directory, memoryMb }: Prepared): PlannedTarget => {
    const plan = planFunction(create(FunctionConfigSchema, {}), door, memoryMb, config);
    return { version: 1, weight: 1, digest, door, directory, plan };
  };

  before(async () => {
    harness = await Harness.start();
    const prepare = async (text: string) => harness.prepare(await buildGuest(countingGuest(text)));
    good = targetOf(await prepare('good'));
    const bad = await prepare('poison while made ready');
    await poison(bad);
    poisoned = targetOf(bad);
  });
  after(() => harness.stop());

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'popmesh-ready-'));
    await chmod(root, 0o711);
    errors.length = 0;
    spares = new SpareExecutors({
      root: join(root, 'executors'),
      codeRoot: join(root, 'code'),
      config,
      clock: testClock,
      random: testRandom,
      logger: { ...silentLogger, error: (message) => errors.push(message) },
    });
    await spares.start();
  });
  afterEach(async () => {
    await Promise.all(supervisors.splice(0).map((it) => it.stop(2_000)));
    await spares.stop();
    await rm(root, { recursive: true });
  });

  const another = async (than?: number): Promise<number> => {
    for (;;) {
      const [pid] = spares.pids;
      if (pid !== undefined && pid !== than) return pid;
      await testClock.sleep(5);
    }
  };
  const ranIn = async (target: PlannedTarget, ...namespaces: string[]): Promise<void> => {
    for (const namespace of namespaces) await spares.ran(namespace, target);
  };
  /** As if it had been built with an engine that is on nobody's list. */
  async function withAnotherEngine({ directory }: Prepared): Promise<void> {
    const manifest = await readManifest(directory);
    const line = JSON.stringify({ ...manifest, skeleton: 'f'.repeat(64) });
    await writeFile(join(directory, MANIFEST_FILE), `${line}\n${sha256(Buffer.from(line))}\n`);
  }
  /** Whether one that is taken had compiled anything before it became anybody's. */
  async function takenIsReady(): Promise<boolean> {
    await another();
    await spares.idle();
    const process = await spares.take();
    try {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      process.child.on('message', (message: { load?: { compiled: number } }) => {
        if (message.load !== undefined) resolve(message.load.compiled > 0);
      });
      const place = { node: 'n', pop: 'p', region: 'r' };
      process.send({ type: 'init', namespace: 'a', ...place, port: 0, config });
      return await promise;
    } finally {
      await spares.gone(process);
    }
  }

  test('is made ready for what two namespaces run, and for no secret of one', async () => {
    await ranIn(good, 'one', 'one');
    assert.equal(await takenIsReady(), false);
    await another();
    await ranIn(good, 'two');
    assert.equal(await takenIsReady(), true);
    // So are those that come later.
    assert.equal(await takenIsReady(), true);
  });

  test('is made ready for no engine but those on the list, whoever runs it', async () => {
    const prepared = await harness.prepare(await buildGuest(countingGuest('of another engine')));
    await withAnotherEngine(prepared);
    await another();
    await ranIn(targetOf(prepared), 'one', 'two', 'three');
    assert.equal(await takenIsReady(), false);
  });

  test('forgets an engine with the last function that has it', async () => {
    await another();
    await ranIn(good, 'one', 'two');
    assert.equal(await takenIsReady(), true);
    spares.keepOnly('one', new Set());
    // The one that stands was made ready before.
    await spares.gone(await spares.take());
    assert.equal(await takenIsReady(), false);
  });

  test('that ends while it is made ready was the last one for that', async () => {
    const first = await another();
    await ranIn(poisoned, 'one', 'two');
    const second = await another(first);
    await spares.idle();
    assert.deepEqual(spares.pids, [second], 'the next one stands');
    assert.equal(errors.length, 1);
    assert.equal(await takenIsReady(), false);
  });

  test('one that somebody takes meanwhile harms nobody for long', async () => {
    await another();
    await ranIn(poisoned, 'one', 'two');
    const supervisor = new ExecutorSupervisor({
      namespace: 'neighbour',
      place: { node: 'n', pop: 'p', region: 'r' },
      source: spares,
      config,
      clock: testClock,
      logger: silentLogger,
      onAddress: () => {},
      onEnded: () => {},
      onDamaged: () => Promise.reject(new Error('nothing is damaged')),
      onLost: () => assert.fail('it has done nothing'),
      onMessage: () => {},
    });
    supervisors.push(supervisor);
    const deployment = { function: 'neighbour/good', revision: '1', warm: true } as const;
    await supervisor.apply({ ...deployment, targets: [good] });
    await spares.idle();
    assert.ok(errors.length <= 1);
    assert.equal(supervisor.functions, 1);
  });
});
