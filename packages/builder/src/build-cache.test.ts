import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BUILD_CACHE_ENTRIES_MAX, BuildCache } from './build-cache.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'popmesh-cache-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const key = (i: number): string => BuildCache.key(`${i}`);
const component = Uint8Array.of(1, 2, 3);

test('an entry that cannot be put in its place leaves nothing behind and fails nobody', async (t) => {
  const directory = await folder(t);
  await mkdir(join(directory, `${key(1)}.component`, 'in-the-way'), { recursive: true });
  const cache = new BuildCache(directory);
  await cache.put(key(1), component);
  assert.equal(await cache.get(key(1)), undefined);
  assert.deepEqual(await readdir(directory), [`${key(1)}.component`]);
});

test('builds that end at the same moment all leave whole entries, within the bound', async (t) => {
  const directory = await folder(t);
  const caches = [new BuildCache(directory), new BuildCache(directory)];
  const keys = Array.from({ length: BUILD_CACHE_ENTRIES_MAX + 4 }, (_, i) => key(i));
  await Promise.all(keys.flatMap((k) => caches.map((cache) => cache.put(k, component, '{}'))));
  await caches[0]?.put(key(0), component, '{}');
  const names = await readdir(directory);
  const entries = names.filter((name) => name.endsWith('.component'));
  // Each clears away by its own list: together they may take one more.
  assert.ok(entries.length > 0 && entries.length <= BUILD_CACHE_ENTRIES_MAX, `${entries.length}`);
  assert.ok(names.every((name) => !name.endsWith('.tmp')));
  for (const entry of entries) {
    assert.deepEqual(await caches[1]?.get(entry.replace('.component', '')), component);
  }
});
