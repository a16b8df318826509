import assert from 'node:assert/strict';
import { chmod, cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { type FunctionId, PopmeshError, silentLogger } from '@popmesh/contracts';
import { create, FunctionConfigSchema } from '@popmesh/protocol';
import { type RuntimeConfig, runtimeConfigSchema } from '../config.ts';
import { type PlannedDeployment, planFunction } from '../plan.ts';
import type { Prepared } from '../prepare/preparer.ts';
import { buildGuest, countingGuest } from '../testing/guests.ts';
import { Harness, testClock, testRandom } from '../testing/harness.ts';
import type { ExecutorProcess } from './executor-process.ts';
import { SpareExecutors } from './spare-executors.ts';
import { ExecutorSupervisor } from './supervisor.ts';

/** Processes that do not come when they are asked for: what the supervisor makes of it. */

const config: RuntimeConfig = runtimeConfigSchema.parse({ spareExecutors: 0 });

/** Real ones, of which so many do not come. */
class Unreliable extends SpareExecutors {
  failures = 0;
  /** Taken so far, the last one at the end. */
  readonly taken: ExecutorProcess[] = [];
  override async take(): Promise<ExecutorProcess> {
    if (this.failures-- > 0) throw new Error('no process to be had');
    const process = await super.take();
    this.taken.push(process);
    return process;
  }
}

describe('a supervisor', () => {
  let harness: Harness;
  let prepared: Prepared[];
  let root: string;
  let source: Unreliable;
  let supervisor: ExecutorSupervisor;
  let onAddress = (): void => {};
  const lost: FunctionId[] = [];
  before(async () => {
    harness = await Harness.start();
    prepared = await Promise.all(
      ['one', 'two'].map(async (it) => harness.prepare(await buildGuest(countingGuest(it)))),
    );
  });
  after(() => harness.stop());

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'popmesh-supervisor-'));
    await chmod(root, 0o711);
    const world = { config, clock: testClock, logger: silentLogger };
    const folders = { root: join(root, 'executors'), codeRoot: join(root, 'code') };
    source = new Unreliable({ ...world, ...folders, random: testRandom });
    await source.start();
    lost.length = 0;
    supervisor = new ExecutorSupervisor({
      ...world,
      namespace: 'a',
      place: { node: 'n', pop: 'p', region: 'r' },
      source,
      onAddress: () => onAddress(),
      onEnded: () => {},
      onDamaged: () => Promise.reject(new PopmeshError('not_found', 'There is no such component')),
      onLost: (id) => lost.push(id),
      onMessage: () => {},
    });
  });
  afterEach(async () => {
    await supervisor.stop(2_000);
    await source.stop();
    await rm(root, { recursive: true });
  });

  const deployment = (id: FunctionId, of: Prepared | undefined): PlannedDeployment => {
    assert.ok(of !== undefined);
    const { digest, door, directory, memoryMb } = of;
    const plan = planFunction(create(FunctionConfigSchema, {}), door, memoryMb, config);
    const target = { version: 1, weight: 1, digest, door, directory, plan };
    return { function: id, revision: '1', warm: true, targets: [target] };
  };

  /** Kills the process, and resolves when another one listens. */
  async function replaced(): Promise<void> {
    const { pid } = supervisor;
    assert.ok(pid !== undefined);
    const listens = new Promise<void>((resolve) => {
      onAddress = () => {
        if (supervisor.address !== undefined && supervisor.pid !== pid) resolve();
      };
    });
    process.kill(pid, 'SIGKILL');
    await listens;
  }

  test('asks for a process again when none came, for a deployment and after an end', async () => {
    const one = deployment('a/one', prepared[0]);
    source.failures = 1;
    await assert.rejects(supervisor.apply(one), /no process to be had/);
    await supervisor.apply(one);
    source.failures = 2;
    await replaced();
    assert.deepEqual(lost, []);
  });

  test('serves the others when one cannot be had again, and says which', async () => {
    const gone = `${prepared[1]?.directory}-gone`;
    const two = { ...prepared[1], directory: gone } as Prepared;
    await cp(prepared[1]?.directory ?? '', gone, { recursive: true });
    await supervisor.apply(deployment('a/one', prepared[0]));
    await supervisor.apply(deployment('a/two', two));
    // Neither to be taken over from the process before, nor to be linked again.
    await rm(source.taken.at(-1)?.stage.path ?? '', { recursive: true });
    await rm(gone, { recursive: true });
    await replaced();
    assert.deepEqual(lost, ['a/two']);
    assert.equal(supervisor.functions, 1);
  });

  test('stopped while a process is on its way: none is left, and no folder', async () => {
    const applying = supervisor.apply(deployment('a/one', prepared[0]));
    const refused = assert.rejects(applying, { code: 'unavailable' });
    await supervisor.stop(2_000);
    await source.stop();
    await refused;
    assert.ok(source.taken.every((it) => it.hasEnded));
    assert.deepEqual(await readdir(join(root, 'executors')), []);
  });
});

test('a pool of blank processes that is stopped while it fills leaves none', async () => {
  const root = await mkdtemp(join(tmpdir(), 'popmesh-spares-'));
  await chmod(root, 0o711);
  const spares = new SpareExecutors({
    root: join(root, 'executors'),
    codeRoot: join(root, 'code'),
    config: runtimeConfigSchema.parse({ spareExecutors: 2 }),
    clock: testClock,
    random: testRandom,
    logger: silentLogger,
  });
  await spares.start();
  await spares.stop();
  assert.deepEqual(await readdir(join(root, 'executors')), []);
  await rm(root, { recursive: true });
});
