import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALM_MS, SHAPE, Suspicion } from './suspicion.ts';

test('a trap sets its own kind apart, until it has been calm', () => {
  const suspicion = new Suspicion();
  assert.equal(suspicion.shapes(0), 0);
  suspicion.trapped(SHAPE.withBody, 10);
  assert.equal(suspicion.shapes(10), SHAPE.withBody);
  suspicion.trapped(SHAPE.withoutBody, 20);
  assert.equal(suspicion.shapes(CALM_MS + 9), SHAPE.any);
  assert.equal(suspicion.shapes(CALM_MS + 10), SHAPE.withoutBody);
  suspicion.trapped(SHAPE.withBody, CALM_MS + 11);
  assert.equal(suspicion.shapes(2 * CALM_MS), SHAPE.withBody);
  assert.equal(suspicion.shapes(2 * CALM_MS + 11), 0);
});
