import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { build } from './build.ts';
import { initProject, type Language } from './init-project.ts';
import { loadProject } from './project.ts';
import { findRust } from './rust/toolchain.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'popmesh-init-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

for (const lang of ['js', 'ts'] satisfies Language[]) {
  test(`the ${lang} template builds as it is, on the real Web API layer`, async (t) => {
    const path = join(await folder(t), 'new');
    const files = await initProject(path, { name: 'shop', lang });
    for (const file of ['popmesh.toml', 'README.md', '.gitignore', `index.${lang}`]) {
      assert.ok(files.includes(file), file);
    }
    for (const file of files) {
      assert.doesNotMatch(await readFile(join(path, file), 'utf8'), /FUNCTION_NAME/, file);
    }
    const built = await build(await loadProject(path));
    assert.deepEqual([built.name, built.label, built.engine], ['shop', '1.0.0', 'quickjs']);
    assert.deepEqual(built.warnings, []);
  });
}

test('the rust template builds as it is, where there is Rust for WASI', async (t) => {
  const { signal } = new AbortController();
  if ((await findRust(tmpdir(), signal)).toolchain === undefined) {
    return t.skip('no Rust with a WASI target on this machine');
  }
  const path = join(await folder(t), 'new');
  await initProject(path, { name: 'shop', lang: 'rust' });
  const built = await build(await loadProject(path));
  assert.deepEqual([built.name, built.engine, built.door], ['shop', 'rust', 'wasi:http']);
});

test('nothing is written when a file is there already, or the name is none', async (t) => {
  const path = await folder(t);
  await writeFile(join(path, 'README.md'), 'mine');
  await assert.rejects(initProject(path, { name: 'shop', lang: 'js' }), {
    code: 'conflict',
    message: /README\.md/,
  });
  assert.equal(await readFile(join(path, 'README.md'), 'utf8'), 'mine');
  await assert.rejects(readFile(join(path, 'index.js')), { code: 'ENOENT' });
  await assert.rejects(initProject(join(path, 'x'), { name: 'No Name', lang: 'js' }), {
    code: 'invalid_argument',
  });
});
