import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Prepared } from '../prepare/preparer.ts';
import { buildGuest } from '../testing/guests.ts';
import { Harness } from '../testing/harness.ts';
import { Prefetch } from './prefetch.ts';

let harness: Harness;
let prepared: Prepared;
let path: string;
before(async () => {
  harness = await Harness.start();
  prepared = await harness.prepare(await buildGuest());
  const names = await readdir(prepared.directory);
  path = join(prepared.directory, names.find((name) => name.endsWith('.image')) ?? '');
});
after(() => harness.stop());

test('an image is read as it is on disk, and given away once', async () => {
  const prefetch = new Prefetch();
  prefetch.add(prepared.directory);
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  await prefetch.idle();
  const image = new Uint8Array(
    prefetch.take(prepared.directory)?.images[0]?.[1] ?? new SharedArrayBuffer(0),
  );
  assert.equal(digest(image), digest(await readFile(path)));
  assert.equal(prefetch.take(prepared.directory), undefined);
});

test('a damaged one is not taken for the image', async () => {
  const prefetch = new Prefetch();
  const bytes = await readFile(path);
  const broken = Buffer.from(bytes);
  broken[1_000] = (broken[1_000] ?? 0) ^ 1;
  await writeFile(path, broken);
  prefetch.add(prepared.directory);
  await prefetch.idle();
  assert.equal(prefetch.take(prepared.directory), undefined);
  await writeFile(path, bytes);
  prefetch.add(prepared.directory);
  await prefetch.idle();
  assert.ok(prefetch.take(prepared.directory) !== undefined);
});

test('what is no longer deployed goes', async () => {
  const prefetch = new Prefetch();
  prefetch.add(prepared.directory);
  await prefetch.idle();
  prefetch.keepOnly(new Set());
  assert.equal(prefetch.take(prepared.directory), undefined);
});

test('there is room for some; as they are taken, the next are read', async () => {
  const prefetch = new Prefetch();
  // The same folder by other names stands for other components.
  const { size } = await stat(path);
  const room = Math.floor(Prefetch.bytesMax / size);
  const names = Array.from(
    { length: room + 3 },
    (_, i) => `${prepared.directory}${'/.'.repeat(i)}`,
  );
  for (const name of names) prefetch.add(name);
  await prefetch.idle();
  const [first = '', next = ''] = [names[0], names[room]];
  assert.equal(prefetch.take(next), undefined);
  prefetch.add(next);
  assert.ok(prefetch.take(first) !== undefined);
  await prefetch.idle();
  const after = names.slice(room).filter((name) => prefetch.take(name) !== undefined);
  assert.ok(after.length > 0, 'nothing more was read');
});
