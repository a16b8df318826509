import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Stage } from './stage.ts';

/** As many as show whether two that change one folder at a time are in each other's way. */
const FILES = 60;
const LONG_MS = 3_600_000;

describe('the private folder of an executor', () => {
  let root: string;
  let stage: Stage;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'popmesh-stage-'));
    stage = await Stage.create(join(root, 'stage'), undefined);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function component(name: string): Promise<string> {
    const directory = join(root, name);
    await mkdir(directory);
    const names = Array.from({ length: FILES }, (_, at) => `file-${at}`);
    await Promise.all(names.map((it) => writeFile(join(directory, it), `${name} ${it}`)));
    return directory;
  }
  const count = async (folder: string): Promise<number> => (await readdir(folder)).length;

  test('one that is wanted again while it is removed is whole', async () => {
    const directory = await component('again');
    await stage.add(directory);
    const none = new Set<string>();
    await stage.keepOnly(none, 0);
    const removed = stage.keepOnly(none, LONG_MS);
    const staged = await stage.add(directory);
    await removed;
    assert.equal(await count(staged), FILES);
  });

  test('what was unused for a moment only has all its time when it is replaced', async () => {
    const directory = await component('replaced');
    const staged = await stage.add(directory);
    await stage.keepOnly(new Set(), 0);
    await stage.keepOnly(new Set([directory]), 1);
    await stage.keepOnly(new Set(), LONG_MS);
    assert.equal(await count(staged), FILES);
    await stage.keepOnly(new Set(), 2 * LONG_MS);
    assert.deepEqual(await readdir(stage.path), []);
  });

  test('nothing is left of it, and nothing comes back, when it is removed while it is filled', async () => {
    const directories = await Promise.all(['a', 'b', 'c'].map(component));
    const adding = Promise.allSettled(directories.map((it) => stage.add(it)));
    await stage.remove();
    await adding;
    await assert.rejects(stage.add(directories[0] ?? ''), { code: 'unavailable' });
    assert.deepEqual((await readdir(root)).sort(), ['a', 'b', 'c']);
  });

  test('the next process takes it over with what was on its way', async () => {
    const directory = await component('late');
    const adding = stage.add(directory);
    const next = await Stage.create(join(root, 'next'), undefined);
    await next.inherit(stage);
    await adding;
    assert.equal(await count(join(next.path, basename(directory))), FILES);
    await stage.remove();
    assert.equal(await count(join(next.path, basename(directory))), FILES);
  });
});
