import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadProject } from './project.ts';

async function folderWith(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'popmesh-project-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
  return folder;
}

test('finds the main file and the engine by what is there', async (t) => {
  const ts = await loadProject(
    await folderWith(t, { 'popmesh.toml': 'name = "a"', 'index.js': '', 'index.ts': '' }),
  );
  assert.deepEqual(
    [ts.engine, ts.main, ts.namespace, ts.label],
    ['quickjs', 'index.ts', 'default', '0.0.0'],
  );
  const rust = await loadProject(
    await folderWith(t, { 'popmesh.toml': 'name = "a"', 'Cargo.toml': '' }),
  );
  assert.deepEqual([rust.engine, rust.main], ['rust', undefined]);
  const wasm = await loadProject(
    await folderWith(t, { 'popmesh.toml': 'name = "a"\nmain = "x.wasm"', 'x.wasm': '' }),
  );
  assert.deepEqual([wasm.engine, wasm.main], ['component', 'x.wasm']);
});

test('a bare component is named after its file', async (t) => {
  const folder = await folderWith(t, { 'My_Api v2.wasm': '' });
  const project = await loadProject(join(folder, 'My_Api v2.wasm'));
  assert.deepEqual(
    [project.name, project.engine, project.main],
    ['my-api-v2', 'component', 'My_Api v2.wasm'],
  );
});

test('says what is missing', async (t) => {
  const empty = await folderWith(t, {});
  await assert.rejects(loadProject(join(empty, 'nowhere')), { code: 'not_found' });
  await assert.rejects(loadProject(empty), {
    code: 'invalid_config',
    message: /has no popmesh\.toml/,
  });
  const headless = await folderWith(t, { 'popmesh.toml': 'name = "a"' });
  await assert.rejects(loadProject(headless), { code: 'invalid_config', message: /no main file/ });
  const wrong = await folderWith(t, { 'popmesh.toml': 'name = "a"\nmain = "b.js"' });
  await assert.rejects(loadProject(wrong), { code: 'invalid_config', message: /no such file/ });
});
