import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { StorageWatch } from './storage-watch.ts';

test('a data folder that takes no writes is told once, and when it does again', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'popmesh-storage-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const told: (string | undefined)[] = [];
  const watch = new StorageWatch({
    directory,
    clock: realClock,
    logger: silentLogger,
    onChanged: () => told.push(watch.problem),
  });
  await watch.look();
  assert.deepEqual([told, await readdir(directory)], [[], []]);
  // What root cannot write to either, without a file system of our own.
  await mkdir(join(directory, 'room.probe'));
  await watch.look();
  await watch.look();
  assert.deepEqual(told, ['its data folder cannot be written: EISDIR']);
  await rmdir(join(directory, 'room.probe'));
  await watch.look();
  assert.deepEqual(told.slice(1), [undefined]);
  await watch.stop();
});
