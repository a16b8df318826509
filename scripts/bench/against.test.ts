import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from './against.ts';

test('requests and milliseconds are both compared so that above 1 is better', () => {
  const faster = compare('a', 'requests/s', [
    { ours: 110, theirs: 100 },
    { ours: 120, theirs: 100 },
    { ours: 60, theirs: 50 },
  ]);
  assert.equal(faster.ratio, 1.2);
  const slower = compare('b', 'ms', [{ ours: 5, theirs: 4 }]);
  assert.equal(slower.ratio, 0.8);
});

test('a turn in which the machine was slow for both does not count against one of them', () => {
  const pairs = [
    { ours: 100, theirs: 100 },
    { ours: 10, theirs: 10 },
    { ours: 100, theirs: 100 },
  ];
  assert.equal(compare('a', 'requests/s', pairs).ratio, 1);
});

test('the ratio of an even number of turns lies between the two in the middle', () => {
  const pairs = [
    { ours: 1, theirs: 1 },
    { ours: 3, theirs: 1 },
  ];
  assert.equal(compare('a', 'requests/s', pairs).ratio, 2);
});
