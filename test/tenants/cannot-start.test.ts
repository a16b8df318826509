/**
 * What cannot run never becomes a version: it is tried with its limits before anything is stored,
 * and the version before stays live, over a kill of the node, too.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseText } from '../../packages/runtime/src/testing/transpile-here.ts';
import { CODE_OF, withInstances, withStart } from '../hostile/binaries.ts';
import { childrenOf, commandLineOf } from '../hostile/process-facts.ts';
import { type Refusal, Subject, Target } from '../hostile/subject.ts';
import { FRA } from '../integration/mesh.ts';
import { until } from '../integration/process.ts';

const root = join(import.meta.dirname, '../..');
const rust = new Uint8Array(readFileSync(join(root, 'examples/hello-rust/hello-rust.wasm')));
/** CPU time of a start. */
const START_MS = 2_000;
const LIVE = 'alice/shop';
const LIMITS = { limits: { memoryMb: 16 } };

/** An instruction that the validator knows and V8 does not. */
const WIDE = `(module (func (param i64 i64 i64 i64) (result i64 i64)
  (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3))))`;

describe('a component that cannot run', () => {
  let subject: Subject;
  let revision = '';

  before(async () => {
    subject = await Subject.start(['[runtime]', `slot_start_ms = ${START_MS}`]);
    await deploy(LIVE);
    ({ revision } = await stateOf(LIVE));
  });
  after(() => subject?.stop());

  /** Until it answers: on a machine with too much else to do the first start is tried again. */
  async function deploy(id: string): Promise<void> {
    const outcome = await subject.upload(id, rust, LIMITS);
    assert.ok(!('refused' in outcome), JSON.stringify(outcome));
    await untilServed(id);
  }

  const untilServed = (id: string): Promise<void> =>
    until(async () => {
      const answer = await (await Target.of(subject, id)).call('/').catch(() => undefined);
      return answer?.status === 200;
    }, `${id} to be served`);

  async function stateOf(id: string): Promise<{ revision: string; versions: number }> {
    const detail = await subject.mesh.control(`/v1/functions/${id}`);
    if (detail.status === 404) return { revision: '', versions: 0 };
    const { versions } = (await (
      await subject.mesh.control(`/v1/functions/${id}/versions`)
    ).json()) as { versions: unknown[] };
    const { revision } = (await detail.json()) as { revision: string };
    return { revision, versions: versions.length };
  }

  async function refusalOf(id: string, component: Uint8Array): Promise<Refusal> {
    for (;;) {
      const outcome = await subject.upload(id, component, LIMITS);
      assert.ok('refused' in outcome, 'it was accepted');
      // A machine with too much else to do gave it no time: nothing is said of the component then.
      if (outcome.refused.code !== 'unavailable') return outcome.refused;
    }
  }

  async function stillLive(): Promise<void> {
    assert.deepEqual(await stateOf(LIVE), { revision, versions: 1 });
    const answer = await (await Target.of(subject, LIVE)).call('/');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['popmesh-version'], '1');
  }

  const BOTH = [LIVE, 'mallory/new'];
  const cases: readonly [string, RegExp, readonly string[], () => Promise<Uint8Array>][] = [
    [
      'has an instruction that V8 refuses',
      /core module does not compile.*opcode/,
      BOTH,
      async () => withInstances(rust, await parseText(WIDE), 1),
    ],
    ['traps', /unreachable/, [LIVE], async () => withStart(rust, CODE_OF.trap())],
    // As the first of one below, beside a good one.
    [
      'loops',
      /did not start within 2000 ms of CPU time/,
      [LIVE],
      async () => withStart(rust, CODE_OF.loop()),
    ],
    [
      'takes more memory than it may',
      /unreachable/,
      BOTH,
      async () => withStart(rust, CODE_OF.memory()),
    ],
  ];
  for (const [name, words, ids, make] of cases) {
    test(`${name}: refused`, async () => {
      const component = await make();
      for (const id of ids) {
        const { status, code, message } = await refusalOf(id, component);
        assert.deepEqual([status, code], [422, 'invalid_component'], message);
        assert.match(message, /^The component does not start: /);
        assert.match(message, words);
      }
      assert.equal((await stateOf('mallory/new')).versions, 0);
      await stillLive();
    });
  }

  test('one that loops does not hold up others', async (context) => {
    const loop = withStart(rust, CODE_OF.loop());
    const looping = refusalOf('mallory/loop', loop);
    const startedMs = performance.now();
    await deploy('bob/good');
    context.diagnostic(
      `another tenant's deploy beside it: ${Math.round(performance.now() - startedMs)} ms`,
    );
    assert.equal((await looping).code, 'invalid_component');
    assert.equal((await stateOf('mallory/loop')).versions, 0);
  });

  test('no process of a trial is left', async () => {
    const named = (pattern: RegExp): string[] =>
      childrenOf(subject.nodePid)
        .map(commandLineOf)
        .filter((line) => pattern.test(line));
    await until(() => named(/^popmesh-executor alice/).length === 1, 'one executor of alice');
    await until(() => named(/^popmesh-executor mallory/).length === 0, 'none of mallory');
  });

  test('after kill -9 of the node the version before is live', async () => {
    await subject.mesh.kill(FRA.id, 'SIGKILL');
    await subject.mesh.startNode(FRA.id);
    await untilServed(LIVE);
    await stillLive();
  });
});
