import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isLong } from '../../../../scripts/test-length.ts';
import { startGuest } from './build-guest.ts';

/** The cache of built guests, which test files that run side by side share. */

const code = "export default () => new Response('built');";

async function answerOf(cache: string): Promise<unknown> {
  const { handle } = await startGuest({ code }, {}, cache);
  const request = { method: 'GET', url: 'http://a.test/', headers: '' };
  return (await handle(1, { ...request, body: { tag: 'none' } })).body.val;
}

test('a guest is built by many at once, and again when a sweep took parts of it', {
  skip: !isLong && 'three builds: in npm run long',
}, async (t) => {
  const cache = await mkdtemp(join(tmpdir(), 'popmesh-guest-cache-'));
  t.after(() => rm(cache, { recursive: true }));
  const many = await Promise.all(Array.from({ length: 4 }, () => answerOf(cache)));
  assert.deepEqual(new Set(many), new Set(['built']));
  const entries = await readdir(cache);
  assert.equal(entries.length, 2, 'the guest and the sources, and no draft');
  const [folder = ''] = entries.filter((name) => name !== 'sources');
  const [core = ''] = (await readdir(join(cache, folder))).filter((name) => name.endsWith('.wasm'));
  await rm(join(cache, folder, core));
  assert.equal(await answerOf(cache), 'built');
});
