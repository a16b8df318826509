import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IdMap } from './id-map.ts';

test('answers as a Map does, whatever comes and goes', () => {
  const operation = fc.tuple(
    fc.constantFrom('set', 'set', 'delete', 'get', 'clear-rarely'),
    fc.oneof(
      fc.nat(200),
      // Ids that meet in one place, at its end, and beyond 32 bits.
      fc.nat(40).map((n) => n * 64 + 63),
      fc.nat(40).map((n) => n * 64 + 2 ** 33),
    ),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400 }), (operations) => {
      const map = new IdMap<number>();
      const model = new Map<number, number>();
      operations.forEach(([name, id], step) => {
        if (name === 'set') {
          map.set(id, step);
          model.set(id, step);
        } else if (name === 'delete') assert.equal(map.delete(id), model.delete(id));
        else if (name === 'clear-rarely' && step % 50 === 0) {
          map.clear();
          model.clear();
        }
        assert.equal(map.get(id), model.get(id));
        assert.equal(map.has(id), model.has(id));
        assert.equal(map.size, model.size);
      });
      assert.deepEqual(
        map.values().sort((a, b) => a - b),
        [...model.values()].sort((a, b) => a - b),
      );
    }),
  );
});
