import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionId } from '@popmesh/contracts';
import { Suspects } from './suspects.ts';

const [a, b, c] = ['n/a', 'n/b', 'n/c'] as const satisfies readonly FunctionId[];

test('the one that was starting at two ends in a row is poison', () => {
  const suspects = new Suspects(2);
  suspects.starting(a);
  assert.deepEqual(suspects.crashed(false), []);
  assert.deepEqual(suspects.all, [a]);
  suspects.starting(a);
  assert.deepEqual(suspects.crashed(false), [a]);
  assert.ok(suspects.isPoison(a));
});

test('one that has started in between is not', () => {
  const suspects = new Suspects(2);
  suspects.starting(a);
  suspects.crashed(false);
  suspects.starting(a);
  suspects.started(a);
  suspects.starting(a);
  assert.deepEqual(suspects.crashed(false), []);
});

test('of several suspects only the one that is tried at the next end is poison', () => {
  const suspects = new Suspects(2);
  for (const id of [a, b]) suspects.starting(id);
  assert.deepEqual(suspects.crashed(false), []);
  // The executor tries one at a time; `c` starts beside it by chance.
  suspects.starting(a);
  suspects.started(a);
  suspects.starting(b);
  suspects.starting(c);
  assert.deepEqual(suspects.crashed(false), [b]);
  assert.equal(suspects.has(a), false);
  assert.equal(suspects.has(c), false);
});

test('a further instance that starts well does not hide one that is still starting', () => {
  const suspects = new Suspects(1);
  suspects.starting(a);
  suspects.starting(a);
  suspects.started(a);
  assert.deepEqual(suspects.crashed(false), [a]);
});

test('an end while nothing started is nobody’s', () => {
  const suspects = new Suspects(1);
  suspects.starting(a);
  suspects.started(a);
  assert.deepEqual(suspects.crashed(false), []);
});

test('kills count half', () => {
  const suspects = new Suspects(2);
  for (let i = 0; i < 3; i++) {
    suspects.starting(a);
    assert.deepEqual(suspects.crashed(true), []);
  }
  suspects.starting(a);
  assert.deepEqual(suspects.crashed(true), [a]);
});
