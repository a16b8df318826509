import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '@popmesh/contracts';
import { cleanLogLine, LogBudget } from './log-budget.ts';

test('a flood is cut, counted, and the count is said once', () => {
  let nowMs = 0;
  const clock = { monotonic: () => nowMs } as Clock;
  const budget = new LogBudget(1_000, clock);
  const admitted = Array.from({ length: 100 }, () => budget.admit('x'.repeat(100)).length);
  assert.equal(admitted.filter((lines) => lines > 0).length, 6);
  nowMs = 1_000;
  assert.deepEqual(budget.admit('again'), [
    '94 log lines were dropped: the function exceeds log_kb',
    'again',
  ]);
  assert.deepEqual(budget.admit('and again'), ['and again']);
});

test('control characters are shown, not sent; long lines are cut', () => {
  assert.equal(cleanLogLine('a\tb\nc\u001b[0m\u0000\u009b', 100), 'a\tb\nc\\x1b[0m\\x00\\x9b');
  assert.equal(cleanLogLine('abcdef', 3), 'abc…');
});
