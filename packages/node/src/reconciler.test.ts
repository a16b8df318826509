import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import fc from 'fast-check';
import { type ReconcileAction, Reconciler, type Wanted } from './reconciler.ts';

const bounds = { parallelMax: 2, retryBaseMs: 100, retryCapMs: 1000 };
const make = () => new Reconciler(bounds, () => 1);
const apply = (name: string, revision: number): Wanted => ({
  function: `ns/${name}`,
  revision: BigInt(revision),
  kind: 'apply',
});
const remove = (name: string, revision: number): Wanted => ({
  ...apply(name, revision),
  kind: 'remove',
});
const start = (wanted: Wanted): ReconcileAction => ({ type: 'start', wanted });
const done = (wanted: Wanted) => ({ served: { revision: wanted.revision, version: 1 } });
const passing = new PopmeshError('peer_unavailable', 'gone');
const lasting = new PopmeshError('invalid_component', 'bad');

test('works on two at once, the others in order of arrival', () => {
  const reconciler = make();
  assert.deepEqual(reconciler.want(apply('a', 1)), [start(apply('a', 1))]);
  assert.deepEqual(reconciler.want(apply('b', 1)), [start(apply('b', 1))]);
  assert.deepEqual(reconciler.want(apply('c', 1)), []);
  assert.equal(reconciler.settled, false);
  assert.deepEqual(reconciler.finished(apply('b', 1), done(apply('b', 1)), 0), [
    start(apply('c', 1)),
  ]);
  reconciler.finished(apply('a', 1), done(apply('a', 1)), 0);
  reconciler.finished(apply('c', 1), done(apply('c', 1)), 0);
  assert.equal(reconciler.settled, true);
  assert.equal(reconciler.served().length, 3);
});

test('a newer revision aborts the older, and what was served stays until then', () => {
  const reconciler = make();
  reconciler.want(apply('a', 1));
  reconciler.finished(apply('a', 1), done(apply('a', 1)), 0);
  reconciler.want(apply('a', 2));
  assert.deepEqual(reconciler.want(apply('a', 3)), [
    { type: 'abort', function: 'ns/a', revision: 2n },
  ]);
  assert.deepEqual(reconciler.served(), [{ function: 'ns/a', revision: 1n }]);
  const aborted = new PopmeshError('cancelled', 'newer');
  assert.deepEqual(reconciler.finished(apply('a', 2), { error: aborted }, 0), [
    start(apply('a', 3)),
  ]);
  assert.deepEqual(reconciler.failures(), []);
  reconciler.finished(apply('a', 3), done(apply('a', 3)), 0);
  assert.deepEqual(reconciler.served(), [{ function: 'ns/a', revision: 3n }]);
});

test('an older or equal revision is not news', () => {
  const reconciler = make();
  reconciler.want(apply('a', 5));
  reconciler.finished(apply('a', 5), done(apply('a', 5)), 0);
  assert.deepEqual(reconciler.want(apply('a', 5)), []);
  assert.deepEqual(reconciler.want(remove('a', 4)), []);
});

test('what may pass is tried again with growing pauses, what cannot is not', () => {
  const reconciler = make();
  reconciler.want(apply('a', 1));
  reconciler.finished(apply('a', 1), { error: passing }, 0);
  assert.equal(reconciler.settled, true);
  assert.equal(reconciler.nextTickMs(), 100);
  assert.deepEqual(reconciler.tick(99), []);
  assert.deepEqual(reconciler.tick(100), [start(apply('a', 1))]);
  reconciler.finished(apply('a', 1), { error: passing }, 100);
  assert.equal(reconciler.nextTickMs(), 300);
  assert.deepEqual(reconciler.hurry(), [start(apply('a', 1))]);
  reconciler.finished(apply('a', 1), { error: lasting, isLasting: true }, 200);
  assert.equal(reconciler.nextTickMs(), undefined);
  assert.deepEqual(
    reconciler.failures().map(({ error }) => error.code),
    ['invalid_component'],
  );
  assert.deepEqual(reconciler.want(apply('a', 2)), [start(apply('a', 2))]);
  assert.deepEqual(reconciler.failures(), []);
});

test('a function that was lost is worked on once more, for an older version, and not again', () => {
  const reconciler = make();
  reconciler.want(apply('a', 1));
  reconciler.finished(apply('a', 1), done(apply('a', 1)), 0);
  reconciler.want(apply('a', 5));
  reconciler.finished(apply('a', 5), done(apply('a', 5)), 0);
  assert.deepEqual(reconciler.lost('ns/a', passing), [start(apply('a', 5))]);
  assert.deepEqual(reconciler.served(), []);
  assert.equal(reconciler.settled, false);
  const older = { revision: 2n, version: 1 };
  reconciler.finished(apply('a', 5), { error: passing, isLasting: true, served: older }, 0);
  assert.deepEqual(reconciler.served(), [{ function: 'ns/a', revision: 2n, fallbackVersion: 1 }]);
  assert.deepEqual(
    reconciler.failures().map(({ revision, isLasting }) => [revision, isLasting]),
    [[5n, true]],
  );
  assert.equal(reconciler.nextTickMs(), undefined);
  assert.deepEqual(reconciler.want(apply('a', 6)), [start(apply('a', 6))]);
});

test('an older version in place of one that fails is told apart, and gives way to it', () => {
  const reconciler = make();
  reconciler.want(apply('a', 1));
  reconciler.finished(apply('a', 1), done(apply('a', 1)), 0);
  assert.deepEqual(reconciler.served(), [{ function: 'ns/a', revision: 1n }]);
  reconciler.want(apply('a', 5));
  reconciler.finished(apply('a', 5), { error: passing }, 0);
  assert.deepEqual(reconciler.served(), [{ function: 'ns/a', revision: 1n, fallbackVersion: 1 }]);
  assert.deepEqual(reconciler.tick(100), [start(apply('a', 5))]);
  reconciler.finished(apply('a', 5), done(apply('a', 5)), 200);
  assert.deepEqual(reconciler.served(), [{ function: 'ns/a', revision: 5n }]);
  assert.deepEqual(reconciler.failures(), []);
});

test('where nothing is served, a lasting failure is tried again for the sake of an older version', () => {
  const reconciler = make();
  reconciler.want(apply('a', 5));
  reconciler.finished(apply('a', 5), { error: lasting, isLasting: true, retry: true }, 0);
  assert.equal(reconciler.failures()[0]?.isLasting, true);
  assert.deepEqual(reconciler.tick(100), [start(apply('a', 5))]);
});

test('a removal is work of its own, and nothing is left after it', () => {
  const reconciler = make();
  assert.deepEqual(reconciler.want(remove('never-here', 9)), []);
  reconciler.want(apply('a', 1));
  reconciler.finished(apply('a', 1), done(apply('a', 1)), 0);
  assert.deepEqual(reconciler.want(remove('a', 2)), [start(remove('a', 2))]);
  assert.equal(reconciler.served().length, 1);
  reconciler.finished(remove('a', 2), done(remove('a', 2)), 0);
  assert.deepEqual(reconciler.served(), []);
});

test('whatever comes in whatever order, the newest wanted is what is served in the end', () => {
  const event = fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    revision: fc.integer({ min: 1, max: 20 }),
    remove: fc.boolean(),
    finishFirst: fc.boolean(),
    outcome: fc.constantFrom(undefined, passing),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const reconciler = make();
      const newest = new Map<string, Wanted>();
      const working: Wanted[] = [];
      const served = new Map<string, bigint>();
      let now = 0;
      const perform = (actions: readonly ReconcileAction[]): void => {
        for (const action of actions) if (action.type === 'start') working.push(action.wanted);
        assert.ok(working.length <= bounds.parallelMax);
        assert.equal(new Set(working.map((work) => work.function)).size, working.length);
      };
      const finish = (outcome: PopmeshError | undefined): void => {
        const work = working.shift();
        if (work !== undefined)
          perform(
            reconciler.finished(work, outcome === undefined ? done(work) : { error: outcome }, now),
          );
        for (const { function: id, revision } of reconciler.served()) {
          assert.ok(revision >= (served.get(id) ?? 0n), 'a served revision went back');
          served.set(id, revision);
        }
      };
      for (const { name, revision, remove: gone, finishFirst, outcome } of events) {
        now += 10;
        if (finishFirst) finish(outcome);
        const wanted = gone ? remove(name, revision) : apply(name, revision);
        const held = newest.get(wanted.function);
        // A removal of what was never wanted here is forgotten at once.
        if (held === undefined ? !gone : revision > held.revision) {
          newest.set(wanted.function, wanted);
        }
        // As the registry does: only what is newer than all before is told.
        if (newest.get(wanted.function) === wanted) perform(reconciler.want(wanted));
        perform(reconciler.tick(now));
      }
      for (let i = 0; i < 200 && !(reconciler.settled && working.length === 0); i++) {
        finish(undefined);
        now += 10_000;
        perform(reconciler.tick(now));
      }
      now += 10_000;
      perform(reconciler.tick(now));
      while (working.length > 0) finish(undefined);
      const expected = [...newest.values()]
        .filter(({ kind }) => kind === 'apply')
        .map(({ function: id, revision }) => `${id}@${revision}`)
        .sort();
      const actual = reconciler.served().map(({ function: id, revision }) => `${id}@${revision}`);
      assert.deepEqual(actual.sort(), expected);
    }),
  );
});
