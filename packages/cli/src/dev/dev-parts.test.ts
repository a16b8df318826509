import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LocalMesh } from './local-mesh.ts';
import { PORT_NAMES } from './member-configs.ts';
import { PLACES } from './places.ts';
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

test('one dev per state folder, and the next when it has ended', async (t) => {
  const state = await stateFolder(t);
  const unlock = await lockState(state);
  await assert.rejects(lockState(state), {
    code: 'folder_in_use',
    message: new RegExp(`popmesh dev runs already: .* process ${process.pid}`),
  });
  unlock();
  (await lockState(state))();
});

test('a mesh that is ended while it starts starts nothing more', async (t) => {
  const state = await stateFolder(t);
  const ports = await choosePorts(state, PORT_NAMES);
  const facts = {
    state,
    root: await state.rootKey(),
    ports,
    natsToken: 'x',
    gateway: { host: '127.0.0.1', port: 0 },
  };
  const mesh = new LocalMesh(facts, process.env, { onNotice: () => {} });
  t.after(() => mesh.kill());
  const starting = mesh.startMembers();
  const nats = mesh.startNats(process.env, new AbortController().signal);
  await Promise.all([
    mesh.stop(),
    assert.rejects(starting, { code: 'cancelled' }),
    assert.rejects(nats, { code: 'cancelled' }),
  ]);
  assert.deepEqual(
    [...PLACES.map(({ id }) => id), 'gw-1', 'nats'].map((id) => mesh.pidOf(id)),
    [undefined, undefined, undefined, undefined, undefined],
  );
});

test('ports are kept between runs, but not against somebody else', async (t) => {
  const state = await stateFolder(t);
  const first = await choosePorts(state, ['a', 'b']);
  const other = await choosePorts(await stateFolder(t), ['a', 'b', 'c']);
  for (const port of [...Object.values(first), ...Object.values(other)]) {
    assert.ok(port < 32_768, `${port} is one that the system gives to others`);
  }
  assert.equal(new Set(Object.values(other)).size, 3);
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

test('saves in a burst are one change; what is left out is not watched; a stop waits for what runs', async (t) => {
  const folder = join((await stateFolder(t)).path, '..');
  let changes = 0;
  const seen = Promise.withResolvers<void>();
  const work = Promise.withResolvers<void>();
  const stop = watchFolder(
    folder,
    async () => {
      changes++;
      seen.resolve();
      await work.promise;
    },
    (error) => seen.reject(error),
  );
  // The watcher says nothing of when it has begun, so it is written to until it answers.
  let written: Promise<unknown> = Promise.resolve();
  const writing = setInterval(() => {
    written = writeFile(join(folder, 'index.js'), String(Math.random()));
  }, 400);
  await seen.promise.finally(() => clearInterval(writing));
  await written;
  assert.equal(changes, 1);
  let stopped = false;
  const ended = stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(stopped, false);
  work.resolve();
  await ended;
  assert.equal(changes, 1, 'nothing more after the stop');
});
