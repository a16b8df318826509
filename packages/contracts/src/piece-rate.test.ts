import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PIECES, PieceRate } from './piece-rate.ts';

/** Whether a body of so many pieces passes that come `everyMs`. */
function passes(pieces: number, bytes: (i: number) => number, everyMs: number): boolean {
  let now = 0;
  const rate = new PieceRate(now);
  for (let i = 0; i < pieces; i++) {
    now += everyMs;
    if (!rate.take(bytes(i), { monotonic: () => now })) return false;
  }
  return true;
}

test('tiny pieces pass while they are few, or slow, or lie among larger ones', () => {
  assert.equal(
    passes(PIECES - 1, () => 1, 0),
    true,
  );
  assert.equal(
    passes(PIECES, () => 1, 0),
    false,
  );
  assert.equal(
    passes(PIECES * 20, () => 1, 2.5),
    true,
    'a dialogue of 400 pieces a second',
  );
  assert.equal(
    passes(PIECES * 20, () => 1, 2.4),
    false,
  );
  assert.equal(
    passes(PIECES * 20, () => 16, 0),
    true,
  );
  assert.equal(
    passes(PIECES * 20, () => 15, 0),
    false,
  );
  assert.equal(
    passes(PIECES * 20, (i) => (i % 100 === 0 ? 1_600 : 1), 0),
    true,
  );
  assert.equal(
    passes(PIECES * 3, (i) => (i < PIECES ? 1_000 : 1), 0),
    false,
    'size is not saved',
  );
});
