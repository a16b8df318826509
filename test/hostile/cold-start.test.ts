/** Many first requests at once, and an executor that is killed under load. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build, loadProject } from '../../packages/builder/src/index.ts';
import { byLength } from '../../scripts/test-length.ts';
import { until } from '../integration/process.ts';
import { Neighbour, percentile } from './load.ts';
import { isAlive } from './process-facts.ts';
import { buildHostile, Subject, Target } from './subject.ts';

const FIRST_REQUESTS = byLength(300, 1_000);
/** A guard against hanging: the product promises 500 ms, and bench measures them. */
const BACK_MS_MAX = 60_000;

describe('cold starts and killed executors', () => {
  let subject: Subject;
  let component: Uint8Array;

  before(async () => {
    component = await buildHostile();
    subject = await Subject.start([], { spares: true });
  });
  after(() => subject?.stop());

  test(`${FIRST_REQUESTS} first requests at once: one preparation, one compile, all answered`, async (context) => {
    await subject.deploy('cold/one', component, {
      scaling: { min: 0, max: 4, queue: FIRST_REQUESTS, idleTimeoutMs: 1_000 },
    });
    const prepares = () => subject.metric('popmesh_prepare_ms_count', 'outcome="ok"');
    const workers = () => subject.metric('popmesh_executor_workers', 'namespace="cold"');
    const compiled = () => subject.metric('popmesh_executor_compiled_modules', 'namespace="cold"');
    const one = await Target.of(subject, 'cold/one');
    // Asked again, so that it is there when the next report is made, however late that is.
    await until(async () => {
      assert.equal((await one.call('/')).text, 'hello');
      return (await workers()) >= 2;
    }, 'an instance to be seen');
    // Then that is gone, too; the blank spare stays.
    await until(async () => (await workers()) <= 1, 'no instance to be there');
    const prepared = await prepares();
    // Its engine was compiled for the deploy, once; and stays so, for this one and others.
    const modules = await compiled();
    assert.ok(modules > 0, 'nothing was compiled');
    const startedMs = performance.now();
    const all = await Promise.all(Array.from({ length: FIRST_REQUESTS }, () => one.call('/')));
    const tookMs = performance.now() - startedMs;
    for (const { status, text } of all) assert.deepEqual([status, text], [200, 'hello']);
    const cold = all.filter(({ headers }) => headers['popmesh-start'] === 'cold').length;
    assert.ok(cold > 0, 'none of them was cold');
    assert.equal(await prepares(), prepared, 'it was prepared again');
    assert.ok((await workers()) <= 5, 'more workers than instances allowed');
    assert.equal(await compiled(), modules, 'it was compiled again');
    // Another function with the same engine.
    const project = await loadProject(join(import.meta.dirname, '../../examples/hello-js'));
    await subject.deploy('cold/two', (await build(project)).component);
    assert.equal((await (await Target.of(subject, 'cold/two')).call('/')).status, 200);
    // Reports come twice a second.
    const seen = await workers();
    await until(async () => (await workers()) > seen || (await workers()) > 1, 'a report');
    assert.equal(await compiled(), modules, 'the same engine was compiled again');
    context.diagnostic(
      `${Math.round(tookMs)} ms for all, the first after ` +
        `${Math.round(Math.min(...all.map((it) => it.tookMs)))} ms, ${cold} cold, none prepared again`,
    );
  });

  test('kill -9 of an executor: back soon, the other namespace untouched', async (context) => {
    await subject.deploy('fine/good', component);
    const before_ = subject.executors();
    await subject.deploy('killed/good', component);
    const [pid] = subject.executors().filter((it) => !before_.includes(it));
    assert.ok(pid !== undefined);
    const victim = await Target.of(subject, 'killed/good');
    const neighbour = new Neighbour(await Target.of(subject, 'fine/good'));
    await until(() => neighbour.count > 50, 'the neighbour to be asked');
    const backMs: number[] = [];
    for (let round = 0; round < 3; round++) {
      const current = subject.executors().filter((it) => !before_.includes(it));
      assert.equal(current.length, 1);
      assert.equal((await victim.call('/')).text, 'hello');
      process.kill(current[0] as number, 'SIGKILL');
      const killedMs = performance.now();
      await until(() => !isAlive(current[0] as number), 'it to be gone');
      // The address is kept, so the same target must answer again.
      for (;;) {
        const answer = await victim.call('/', { alone: true }).catch(() => undefined);
        if (answer?.status === 200) break;
        assert.ok(performance.now() - killedMs < BACK_MS_MAX, 'it does not come back');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      backMs.push(Math.round(performance.now() - killedMs));
    }
    await neighbour.stop();
    const latencies = neighbour.take();
    context.diagnostic(
      `answering again after ${backMs.join(', ')} ms; neighbour: ${latencies.length} requests, ` +
        `p99 ${percentile(latencies, 0.99).toFixed(1)} ms`,
    );
    assert.deepEqual(neighbour.failures, []);
    assert.equal(subject.mesh.pidOf('fra-1'), subject.nodePid);
  });
});
