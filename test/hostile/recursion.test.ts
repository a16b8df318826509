/**
 * Recursion of every kind, by every way in: it ends in a RangeError that the function catches, no
 * sooner than promised, and the instance goes on. Each of these was a trap, which ended the
 * instance and all requests in it.
 */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build, loadProject } from '../../packages/builder/src/index.ts';
import { Subject, Target } from './subject.ts';

/** What LIMITS.md promises. */
const LEAST = { calls: 5_000, callbacks: 2_000, promises: 2_000, data: 0 } as const;
type Kind = keyof typeof LEAST;
const PLACES = ['handler', 'timer', 'microtask', 'after an await'] as const;

interface Outcome {
  readonly levels: number;
  readonly threw?: string;
}

describe('recursion', () => {
  let subject: Subject;
  let kinds: Record<Kind, string[]>;
  const targets = new Map<string, Target>();

  before(async () => {
    const project = await loadProject(join(import.meta.dirname, 'recursion-guest'));
    const cacheDirectory = join(tmpdir(), 'popmesh-hostile-build');
    const { component } = await build(project, { cacheDirectory });
    subject = await Subject.start();
    const limits = { cpuMs: 20_000, memoryMb: 128 };
    for (const isolation of ['instance', 'request']) {
      const id = `deep/${isolation}`;
      await subject.deploy(id, component, { limits, isolation, scaling: { max: 1 } });
      targets.set(isolation, await Target.of(subject, id));
    }
    kinds = JSON.parse((await ask('/kinds')).text);
  });

  after(() => subject?.stop());

  const shared = (): Target => targets.get('instance') as Target;
  const ask = (path: string, body?: string) =>
    shared().call(path, body === undefined ? {} : { body });

  async function outcomeOf(path: string, target = shared()): Promise<Outcome> {
    const { status, text } = await target.call(path);
    assert.equal(status, 200, `${path}: ${text}`);
    return JSON.parse(text);
  }

  for (const kind of Object.keys(LEAST) as Kind[]) {
    test(`${kind}: RangeError after at least ${LEAST[kind]} levels`, async (context) => {
      const seen: string[] = [];
      for (const way of kinds[kind]) {
        const { levels, threw } = await outcomeOf(`/go?way=${encodeURIComponent(way)}`);
        // The pattern is too deep for the compiler of patterns, which says so in its own way, as in Node.
        assert.equal(threw, way.startsWith('new RegExp') ? 'SyntaxError' : 'RangeError', way);
        assert.ok(levels >= LEAST[kind], `${way}: ${levels} levels`);
        seen.push(`${way} ${levels}`);
      }
      if (LEAST[kind] > 0) context.diagnostic(seen.join(', '));
      assert.equal((await ask('/')).text, 'hello');
    });
  }

  for (const from of PLACES) {
    test(`from ${from}, in an instance of all and in one of its own`, async () => {
      for (const target of targets.values()) {
        for (const [kind, way] of [
          ['calls', 'plain'],
          ['callbacks', 'map'],
          ['data', 'JSON.parse ['],
        ] as const) {
          const path = `/go?way=${encodeURIComponent(way)}&from=${encodeURIComponent(from)}`;
          const { levels, threw } = await outcomeOf(path, target);
          assert.equal(threw, 'RangeError', way);
          assert.ok(levels >= LEAST[kind], `${way}: ${levels} levels`);
        }
      }
    });
  }

  test('from the pull of a response stream', async () => {
    for (const target of targets.values()) {
      const { levels, threw } = await outcomeOf('/stream?way=plain', target);
      assert.equal(threw, 'RangeError');
      assert.ok(levels >= LEAST.calls, `${levels}`);
    }
  });

  test('a long chain of causes is logged, as far as anybody reads', async () => {
    assert.equal((await ask('/causes')).text, 'logged');
  });

  test('a body that is deep JSON', async () => {
    const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    assert.deepEqual(JSON.parse((await ask('/json', deep(20_000))).text), { levels: 0 });
    const { threw } = JSON.parse((await ask('/json', deep(1_000_000))).text) as Outcome;
    assert.equal(threw, 'RangeError');
  });
});
