import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { codePaths } from './executor-flags.ts';
import { closedPath } from './executor-user.ts';
import { Stage } from './stage.ts';

/** As many as show whether two that change one folder at a time are in each other's way. */
const FILES = 60;
const LONG_MS = 3_600_000;
const USER = { uid: 61_498, gid: 61_498 };
const OTHER_USER = { uid: 61_499, gid: 61_499 };
const JAILBREAK = fileURLToPath(new URL('../testing/jailbreak.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const closed = isRoot
  ? await closedPath([process.execPath, JAILBREAK, tmpdir(), ...codePaths()])
  : undefined;
const skip = (!isRoot && 'needs root') || (closed !== undefined && `${closed} is closed to others`);

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

  test('where something else stands in its way nothing is put there, nor changed', async () => {
    const directory = await component('wanted');
    const elsewhere = join(root, 'elsewhere');
    await mkdir(elsewhere, { mode: 0o700 });
    await symlink(elsewhere, join(stage.path, 'wanted'));
    await assert.rejects(stage.add(directory), { code: 'storage_failed' });
    await rename(stage.path, join(root, 'away'));
    await symlink(elsewhere, stage.path);
    await assert.rejects(stage.add(await component('more')), { code: 'storage_failed' });
    assert.equal(await count(elsewhere), 0);
    assert.equal((await stat(elsewhere)).mode & 0o777, 0o700);
  });

  test('with the user of the executor nothing of it can be changed', { skip }, async () => {
    await chmod(root, 0o711);
    const own = await Stage.create(join(root, 'own'), USER);
    const directory = await component('held');
    const elsewhere = await component('elsewhere');
    await chmod(elsewhere, 0o700);
    const staged = await own.add(directory);
    const attack = async (path: string): Promise<unknown> => {
      const args = [path, basename(directory), 'file-0', elsewhere];
      const child = fork(JAILBREAK, args, { ...USER, env: {} });
      const [possible] = await once(child, 'message');
      return possible;
    };
    assert.deepEqual(await attack(own.path), ['read']);
    // As before for those that take it over, with what was there.
    const next = await Stage.create(join(root, 'next'), OTHER_USER);
    await next.inherit(own);
    assert.deepEqual(await attack(next.path), [], 'it is another process that reads it now');
    const again = await next.add(await component('later'));
    assert.equal(await count(again), FILES);
    assert.equal(await count(join(next.path, basename(staged))), FILES);
    assert.equal((await stat(elsewhere)).mode & 0o777, 0o700);
  });
});
