/**
 * A tenant's code that runs when it is instantiated and never ends without its image, deployed
 * under several namespaces: blank executors stay blank for it, other tenants deploy and answer as
 * before, and with its functions it is gone. The witness is the CPU time of the processes.
 */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build, loadProject } from '../../packages/builder/src/index.ts';
import { childrenOf, commandLineOf, cpuTicksOf } from '../hostile/process-facts.ts';
import { Subject, Target } from '../hostile/subject.ts';
import { until } from '../integration/process.ts';
import { thatWaitsForItsImage } from './waiting-component.ts';

const root = join(import.meta.dirname, '../..');
const ATTACKERS = ['mallory-one', 'mallory-two', 'mallory-three'];
const WINDOW_MS = 500;
/** A thread that spins has ten times that, also where nine others want the core. */
const QUIET_TICKS_MAX = 2;
const WINDOWS_MAX = 40;

describe('code that runs when it is instantiated', () => {
  let subject: Subject;
  let honest: Uint8Array;

  before(async () => {
    const project = await loadProject(join(root, 'examples/hello-js'));
    const cacheDirectory = join(tmpdir(), 'popmesh-tenants-build');
    honest = (await build(project, { cacheDirectory })).component;
    subject = await Subject.start([], { spares: true });
  });
  after(() => subject?.stop());

  const spares = (): number[] =>
    childrenOf(subject.nodePid).filter((pid) => /^popmesh-executor spare/.test(commandLineOf(pid)));
  const everyExecutor = (): number[] =>
    childrenOf(subject.nodePid).filter((pid) => /^popmesh-executor/.test(commandLineOf(pid)));

  /** CPU of these processes falls to nothing; what they took until then, in ms. */
  async function quiet(which: () => number[], what: string): Promise<number> {
    for (let windows = 0; windows < WINDOWS_MAX; windows++) {
      const before_ = new Map(which().map((pid) => [pid, cpuTicksOf(pid)]));
      await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
      const spent = [...before_].map(([pid, ticks]) => cpuTicksOf(pid) - ticks);
      if (before_.size > 0 && spent.every((ticks) => ticks <= QUIET_TICKS_MAX)) {
        return [...before_.keys()].reduce((sum, pid) => sum + cpuTicksOf(pid) * 10, 0);
      }
    }
    return assert.fail(`${what} go on using CPU`);
  }

  async function call(id: string): Promise<number> {
    const target = await Target.of(subject, id);
    const { status } = await target.call('/');
    assert.equal(status, 200);
    return status;
  }

  test('stays in the processes of its own namespaces, and ends with its functions', async (context) => {
    const hostile = thatWaitsForItsImage(honest);
    await subject.deploy('alice/hello', honest);
    await call('alice/hello');
    await until(() => spares().length > 0, 'a spare to stand');
    const plainMs = await quiet(spares, 'blank executors');

    for (const namespace of ATTACKERS) {
      assert.equal(await subject.deploy(`${namespace}/fn`, hostile), 'ready');
      await call(`${namespace}/fn`);
    }
    // Once the node has counted these requests it has told blank processes what to expect.
    await until(async () => {
      const counted = await Promise.all(
        ATTACKERS.map((it) =>
          subject.metric('popmesh_function_requests_total', `function="${it}/fn"`),
        ),
      );
      return counted.every((count) => count > 0);
    }, 'the requests to be counted');
    const attackedMs = await quiet(everyExecutor, 'executors');
    const spareMs = await quiet(spares, 'blank executors');

    const startedMs = performance.now();
    await subject.deploy('bob/hello', honest);
    await call('bob/hello');
    const newcomerMs = performance.now() - startedMs;

    for (const pid of spares()) process.kill(pid, 'SIGKILL');
    await until(() => spares().length > 0, 'another spare to stand');
    await quiet(spares, 'blank executors that came later');

    for (const namespace of ATTACKERS) {
      const path = `/v1/functions/${namespace}/fn`;
      assert.equal((await subject.mesh.control(path, { method: 'DELETE' })).status, 200);
    }
    await until(() => subject.executors().length === 2, 'the executors of these namespaces to end');
    await quiet(everyExecutor, 'executors');
    await call('alice/hello');
    await call('bob/hello');
    context.diagnostic(
      `CPU of spares: ${plainMs} ms before, ${spareMs} ms after; of all executors ${attackedMs} ms; ` +
        `a newcomer deploys and answers in ${Math.round(newcomerMs)} ms`,
    );
  });
});
