import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Prepared } from '../prepare/preparer.ts';
import { buildGuest } from '../testing/guests.ts';
import { Harness } from '../testing/harness.ts';
import { ModuleLoader } from './module-loader.ts';

let harness: Harness;
let prepared: Prepared;
before(async () => {
  harness = await Harness.start();
  prepared = await harness.prepare(await buildGuest());
});
after(() => harness.stop());

test('a component is compiled once however many ask, and again only when it was let go', async () => {
  const loader = new ModuleLoader();
  const [first, second] = await Promise.all([
    loader.load(prepared.directory),
    loader.load(prepared.directory),
  ]);
  assert.equal(first, second);
  // Folders that are not there fail and are not held.
  await assert.rejects(loader.load(`${prepared.directory}-not`));
  assert.equal(loader.held, 1);
  // The same folder by other names stands for other components.
  for (let i = 0; i < ModuleLoader.heldMax; i++) {
    await loader.load(`${prepared.directory}${'/.'.repeat(i + 1)}`);
    assert.equal(await loader.load(prepared.directory), first, 'asked for again and again');
  }
  assert.equal(loader.held, ModuleLoader.heldMax);
  loader.keepOnly(new Set([prepared.directory]));
  assert.equal(loader.held, 1);
});
