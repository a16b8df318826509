import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FamiliarSkeletons } from './familiar-skeletons.ts';

const ranIn = (familiar: FamiliarSkeletons, digest: string, ...namespaces: string[]): boolean[] =>
  namespaces.map((namespace) => familiar.ran(digest, namespace, `${namespace}/${digest}`));

test('one that two namespaces have is familiar, one that has run twice in one is not', () => {
  const familiar = new FamiliarSkeletons();
  assert.deepEqual(ranIn(familiar, 'a', 'one', 'one'), [false, false]);
  assert.equal(familiar.best, undefined);
  assert.deepEqual(ranIn(familiar, 'a', 'two', 'three'), [true, false], 'it was before');
  assert.equal(familiar.best, 'a');
});

test('of several it is that of most namespaces', () => {
  const familiar = new FamiliarSkeletons();
  ranIn(familiar, 'a', 'one', 'two');
  ranIn(familiar, 'b', 'one', 'two', 'three');
  assert.equal(familiar.best, 'b');
});

test('one that ended a process is never tried again', () => {
  const familiar = new FamiliarSkeletons();
  ranIn(familiar, 'a', 'one', 'two');
  familiar.struck('a');
  assert.equal(familiar.best, undefined);
  assert.deepEqual(ranIn(familiar, 'a', 'three'), [false]);
  for (let i = 0; i < 200; i++) ranIn(familiar, `other-${i}`, 'one');
  assert.deepEqual(ranIn(familiar, 'a', 'one', 'two', 'three'), [false, false, false]);
  assert.equal(familiar.best, undefined);
});

test('it is forgotten with the last function that has it', () => {
  const familiar = new FamiliarSkeletons();
  familiar.ran('a', 'one', 'first');
  familiar.ran('a', 'one', 'second');
  familiar.ran('a', 'two', 'third');
  familiar.keepOnly('one', new Set(['second']));
  assert.equal(familiar.best, 'a', 'one of its functions is there');
  familiar.keepOnly('three', new Set());
  assert.equal(familiar.best, 'a', 'that is somebody else');
  familiar.keepOnly('one', new Set());
  assert.equal(familiar.best, undefined);
  assert.equal(familiar.ran('a', 'four', 'fourth'), true, 'it is familiar anew');
  familiar.keepOnly('two', new Set());
  familiar.keepOnly('four', new Set());
  assert.equal(familiar.ran('a', 'five', 'fifth'), false, 'nothing is left of it');
});
