import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FamiliarSkeletons } from './familiar-skeletons.ts';

test('one that two namespaces have is familiar, one that has run twice in one is not', () => {
  const familiar = new FamiliarSkeletons();
  assert.equal(familiar.ran('a', 'one'), false);
  assert.equal(familiar.ran('a', 'one'), false);
  assert.equal(familiar.best, undefined);
  assert.equal(familiar.ran('a', 'two'), true);
  assert.equal(familiar.ran('a', 'three'), false, 'it was before');
  assert.equal(familiar.best, 'a');
});

test('of several it is that of most namespaces', () => {
  const familiar = new FamiliarSkeletons();
  for (const namespace of ['one', 'two']) familiar.ran('a', namespace);
  for (const namespace of ['one', 'two', 'three']) familiar.ran('b', namespace);
  assert.equal(familiar.best, 'b');
});

test('one that ended a process is never tried again', () => {
  const familiar = new FamiliarSkeletons();
  for (const namespace of ['one', 'two']) familiar.ran('a', namespace);
  familiar.struck('a');
  assert.equal(familiar.best, undefined);
  assert.equal(familiar.ran('a', 'three'), false);
  for (let i = 0; i < 200; i++) familiar.ran(`other-${i}`, 'one');
  for (const namespace of ['one', 'two', 'three'])
    assert.equal(familiar.ran('a', namespace), false);
  assert.equal(familiar.best, undefined);
});
