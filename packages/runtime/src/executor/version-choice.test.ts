import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { xxh3 as native } from '@node-rs/xxhash';
import fc from 'fast-check';
import { chooseTarget, keyFraction } from './version-choice.ts';
import { XXH3_KEY_BYTES_MAX, xxh3 } from './xxh3.ts';

describe('xxh3', () => {
  test('agrees with the native one, at every length and for any text', () => {
    for (let length = 0; length <= XXH3_KEY_BYTES_MAX; length++) {
      const key = 'popmesh'.repeat(40).slice(0, length);
      assert.equal(xxh3(key), native.xxh64(key), `length ${length}`);
    }
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 50 }), (key) => {
        const bytes = Buffer.from(key).subarray(0, XXH3_KEY_BYTES_MAX);
        assert.equal(xxh3(key), native.xxh64(bytes));
      }),
    );
  });
});

describe('the choice of a version', () => {
  const targets = fc
    .array(fc.nat(100), { minLength: 1, maxLength: 5 })
    .map((weights) => weights.map((weight, i) => ({ version: i + 1, weight })));

  test('never one without weight, unless all are; the same for the same key', () => {
    fc.assert(
      fc.property(targets, fc.string(), (list, key) => {
        const chosen = chooseTarget(list, () => keyFraction(key));
        assert.ok(chosen !== undefined);
        assert.equal(
          chosen,
          chooseTarget(list, () => keyFraction(key)),
        );
        if (list.length > 1 && list.some((target) => target.weight > 0)) {
          assert.ok(chosen.weight > 0);
        }
      }),
    );
  });

  test('raising the newest one’s weight takes no client away from it', () => {
    const keys = Array.from({ length: 500 }, (_, i) => `c${i}`);
    const on2 = (weight: number) =>
      keys.filter(
        (key) =>
          chooseTarget(
            [
              { version: 1, weight: 100 - weight },
              { version: 2, weight },
            ],
            () => keyFraction(key),
          )?.version === 2,
      );
    let before: string[] = [];
    for (const weight of [0, 5, 25, 50, 90, 100]) {
      const now = on2(weight);
      assert.ok(before.every((key) => now.includes(key)));
      assert.ok(Math.abs(now.length / keys.length - weight / 100) < 0.07);
      before = now;
    }
  });

  test('every fraction has a version, the last one included', () => {
    const list = [
      { version: 1, weight: 1 },
      { version: 2, weight: 2 },
      { version: 3, weight: 0 },
    ];
    assert.equal(chooseTarget(list, () => 0)?.version, 1);
    assert.equal(chooseTarget(list, () => 0.34)?.version, 2);
    assert.equal(chooseTarget(list, () => 1 - 1e-16)?.version, 2);
    assert.equal(chooseTarget(list, () => 1)?.version, 2);
    assert.equal(
      chooseTarget([], () => 0.5),
      undefined,
    );
  });
});
