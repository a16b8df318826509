import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineOf } from '../packages/runtime/src/index.ts';
import { currentEngine } from './engines.ts';

test('the list of engines has the one that functions are built with', async () => {
  const current = await currentEngine();
  const listed = engineOf(current.skeleton);
  assert.ok(listed !== undefined, 'run `npm run generate` and commit the result');
  assert.ok(listed.memoryPages <= current.memoryPages, 'blank instances would be too large');
});
