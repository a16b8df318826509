import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aboveCeilingError, aboveCeilings } from './ceilings.ts';
import { runtimeConfigSchema } from './config.ts';

const config = runtimeConfigSchema.parse({
  limits: { cpuMs: { default: 10, ceiling: 20 } },
  scaling: { max: { default: 1, ceiling: 2 }, minCeiling: 1 },
});

test('every limit has its ceiling, told with what was asked and what is allowed', () => {
  const far = 1e9;
  const { minCeiling, ...scaling } = config.scaling;
  for (const key of Object.keys(config.limits)) {
    assert.equal(aboveCeilings({ limits: { [key]: far } }, config).length, 1, key);
  }
  for (const key of [...Object.keys(scaling), 'min']) {
    assert.equal(aboveCeilings({ scaling: { [key]: far } }, config).length, 1, key);
  }
  const above = aboveCeilings({ limits: { cpuMs: 21 }, scaling: { min: 2, max: 2 } }, config);
  assert.deepEqual(above, [
    { limit: 'limits.cpu_ms', asked: 21, allowed: 20 },
    { limit: 'scaling.min', asked: 2, allowed: minCeiling },
  ]);
  const error = aboveCeilingError(above);
  assert.equal(error.code, 'above_ceiling');
  assert.deepEqual(error.details, { limit: 'limits.cpu_ms', asked: 21, allowed: 20 });
});

test('what asks for nothing, or for what is allowed, is not above', () => {
  assert.deepEqual(aboveCeilings({}, config), []);
  assert.deepEqual(aboveCeilings({ limits: { cpuMs: 0 }, scaling: { min: 0 } }, config), []);
  assert.deepEqual(aboveCeilings({ limits: { cpuMs: 20 }, scaling: { max: 2 } }, config), []);
});
