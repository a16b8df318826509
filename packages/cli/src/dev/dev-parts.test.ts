import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { choosePorts, isFree, requirePort } from './ports.ts';
import { lockState, StateFolder } from './state-folder.ts';
import { watchFolder } from './watch-folder.ts';

async function stateFolder(t: TestContext): Promise<StateFolder> {
  const path = await mkdtemp(join(tmpdir(), 'popmesh-state-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  const state = new StateFolder(join(path, '.popmesh'));
  await state.prepare();
  return state;
}

test('one dev per state folder; a lock left by a dead one is taken over', async (t) => {
  const state = await stateFolder(t);
  // Stands in for another dev: alive, and with our mark on its command line.
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'main.ts']);
  await new Promise((resolve) => other.once('spawn', resolve));
  await writeFile(state.at('lock'), `${other.pid}\n`);
  await assert.rejects(lockState(state), {
    code: 'conflict',
    message: new RegExp(`pid ${other.pid}`),
  });
  const gone = new Promise((resolve) => other.once('exit', resolve));
  other.kill('SIGKILL');
  await gone;
  const unlock = await lockState(state);
  assert.equal(await readFile(state.at('lock'), 'utf8'), `${process.pid}\n`);
  await unlock();
  await (await lockState(state))();
});

test('ports are kept between runs, but not against somebody else', async (t) => {
  const state = await stateFolder(t);
  const first = await choosePorts(state, ['a', 'b']);
  assert.deepEqual(await choosePorts(state, ['a', 'b']), first);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(first.a, '127.0.0.1', resolve));
  t.after(() => taken.close());
  assert.equal(await isFree(first.a ?? 0), false);
  const second = await choosePorts(state, ['a', 'b']);
  assert.notEqual(second.a, first.a);
  assert.equal(second.b, first.b);
  await assert.rejects(
    requirePort(first.a ?? 0, '127.0.0.1'),
    (error: Error & { hint?: string }) => {
      assert.match(error.message, new RegExp(`port ${first.a}`));
      assert.match(error.hint ?? '', /--port/);
      return true;
    },
  );
});

test('secrets of the state folder are for their owner, and wiping keeps what is only a cache', async (t) => {
  const state = await stateFolder(t);
  const root = await state.rootKey();
  assert.deepEqual(await state.rootKey(), root);
  await writeFile(state.at('bin', 'kept'), '');
  await state.wipe();
  await state.prepare();
  assert.notDeepEqual(await state.rootKey(), root);
  await readFile(state.at('bin', 'kept'));
});

test('whoever asks last writes last, and a write that failed holds up nobody', async (t) => {
  const state = await stateFolder(t);
  const many = Array.from({ length: 50 }, (_, index) => index);
  const lost = state.writeJson('lost', 'no-such-folder', 'deployed.json');
  const kept = many.map((index) => state.writeJson(index, 'dev', 'deployed.json'));
  await assert.rejects(lost, { code: 'ENOENT' });
  await Promise.all(kept);
  assert.equal(state.readJson(-1, 'dev', 'deployed.json'), many.at(-1));
  assert.deepEqual(await readdir(state.at('dev')), ['deployed.json']);
});

test('saves in a burst are one change; what is left out is not watched', async (t) => {
  const state = await stateFolder(t);
  const folder = join(state.path, '..');
  let changes = 0;
  const seen = Promise.withResolvers<void>();
  const stop = watchFolder(folder, async () => {
    changes++;
    seen.resolve();
  });
  t.after(stop);
  // The watcher says nothing of when it has begun, so it is written to until it answers.
  const writing = setInterval(() => {
    if (changes === 0) void writeFile(join(folder, 'index.js'), String(Math.random()));
  }, 400);
  t.after(() => clearInterval(writing));
  await seen.promise;
  clearInterval(writing);
  assert.equal(changes, 1);
});
