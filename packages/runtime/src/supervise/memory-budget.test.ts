import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryBudget } from './memory-budget.ts';

const MB = 1024 * 1024;
const report = (mb: number, ...idleMs: number[]) => ({ residentBytes: mb * MB, idleMs });
const asks = (of: Map<string, { end: number; refuse: boolean }>) => Object.fromEntries(of);

test('below the budget nobody is asked for anything', () => {
  const budget = new MemoryBudget(300 * MB);
  assert.deepEqual(asks(budget.report('a', report(100, 60_000))), {});
  assert.deepEqual(asks(budget.report('b', report(200, 90_000))), {});
  assert.equal(budget.residentBytes, 300 * MB);
});

test('above it the longest idle go first, whosever they are, down to the low mark', () => {
  const budget = new MemoryBudget(300 * MB);
  budget.report('a', report(150, 9_000, 8_000, 10, 5));
  const first = budget.report('b', report(160, 8_500, 20, 10, 5));
  assert.deepEqual(asks(first), { a: { end: 1, refuse: false }, b: { end: 1, refuse: false } });
  // Until both have said what they hold now, nobody is asked again.
  assert.deepEqual(asks(budget.report('a', report(140, 8_000, 10, 5))), {});
  // Below the budget but above the low mark: it goes on.
  assert.deepEqual(asks(budget.report('b', report(150, 20, 10, 5))), {
    a: { end: 1, refuse: false },
    b: { end: 1, refuse: false },
  });
  budget.report('a', report(130, 10, 5));
  assert.deepEqual(asks(budget.report('b', report(120, 10, 5))), {}, 'below the low mark');
  assert.deepEqual(asks(budget.report('b', report(160, 10, 5))), {}, 'and not above the high one');
});

test('with nothing idle left cold starts are refused by all, until there is room', () => {
  const budget = new MemoryBudget(300 * MB);
  budget.report('a', report(150));
  assert.deepEqual(asks(budget.report('b', report(200))), {
    a: { end: 0, refuse: true },
    b: { end: 0, refuse: true },
  });
  assert.deepEqual(asks(budget.report('b', report(200))), {}, 'said once');
  // Something idle again: it ends first, and the refusal stays until that has helped.
  assert.deepEqual(asks(budget.report('b', report(200, 100))), { b: { end: 1, refuse: true } });
  assert.deepEqual(asks(budget.report('b', report(140))), {
    a: { end: 0, refuse: false },
    b: { end: 0, refuse: false },
  });
});

test('one that comes while cold starts are refused hears of it, and its end is room', () => {
  const budget = new MemoryBudget(300 * MB);
  budget.report('a', report(350));
  assert.deepEqual(asks(budget.report('b', report(50))), { b: { end: 0, refuse: true } });
  budget.forget('a');
  assert.deepEqual(asks(budget.report('b', report(50))), { b: { end: 0, refuse: false } });
});
