/** What is refused ends in its documented error, and changes nothing. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateKeyPair } from '../../packages/protocol/src/index.ts';
import { FRA, TestMesh } from './mesh.ts';
import { issueToken } from './token.ts';

const root = join(import.meta.dirname, '..', '..');
const rust = readFileSync(join(root, 'examples/hello-rust/hello-rust.wasm'));
const MANIFEST = JSON.stringify({ label: '1.0.0', engine: 'component', config: {} });

describe('refusals', () => {
  let mesh: TestMesh;
  let scratch: string;
  let before_: unknown;

  const functions = async (): Promise<unknown> => (await mesh.control('/v1/functions')).json();

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'popmesh-refusals-'));
    mesh = await TestMesh.start([FRA], { nats: false });
    await mesh.popmeshJson('deploy', join(root, 'examples/hello-rust/hello-rust.wasm'));
    before_ = await functions();
  });

  after(async () => {
    // Nothing that was refused left a trace, and what ran still runs.
    assert.deepEqual(await functions(), before_);
    assert.equal(await mesh.popThatAnswers('/default/hello-rust/', '50,8'), 'fra');
    await mesh.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function upload(
    component: Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
    name = 'hello-rust',
  ): Promise<{ status: number; code: string; message: string }> {
    const form = new FormData();
    form.set('manifest', MANIFEST);
    form.set('component', new Blob([component], { type: 'application/wasm' }), 'component.wasm');
    const response = await mesh.control(`/v1/functions/default/${name}/versions`, {
      method: 'POST',
      body: form,
      headers,
    });
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    return { status: response.status, ...error };
  }

  const bytes = (source: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(source);

  test('a component that is not one: 422 invalid_component', async () => {
    for (const component of [
      bytes(Buffer.from('this is not wasm')),
      bytes(rust.subarray(0, rust.length >> 1)),
      bytes(rust.subarray(0, 8)),
      bytes(Buffer.concat([rust.subarray(0, 5000), Buffer.alloc(2000, 0xff), rust.subarray(7000)])),
    ]) {
      const { status, code } = await upload(component);
      assert.deepEqual({ status, code }, { status: 422, code: 'invalid_component' });
    }
  });

  test('an oversize upload: 413 payload_too_large', async () => {
    const { status, code } = await upload(bytes(Buffer.alloc(51 * 1024 * 1024)));
    assert.deepEqual({ status, code }, { status: 413, code: 'payload_too_large' });
  });

  test('no token, a wrong one, an expired one: 401; one for another namespace: 403', async () => {
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    const stranger = await issueToken(generateKeyPair().privateKey);
    const expired = await issueToken(mesh.root.privateKey, { expiresIn: '-5m' });
    for (const headers of [
      { authorization: '' },
      bearer('nonsense'),
      bearer(stranger),
      bearer(expired),
    ]) {
      const { status, code } = await upload(bytes(rust), headers);
      assert.deepEqual({ status, code }, { status: 401, code: 'unauthenticated' });
    }
    const other = await issueToken(mesh.root.privateKey, { namespaces: ['other'] });
    const { status, code } = await upload(bytes(rust), bearer(other));
    assert.deepEqual({ status, code }, { status: 403, code: 'permission_denied' });
  });

  test('a name that is not one: 400 invalid_argument', async () => {
    const { status, code } = await upload(bytes(rust), {}, 'Not_A_Name');
    assert.deepEqual({ status, code }, { status: 400, code: 'invalid_argument' });
  });

  test('a bad popmesh.toml: the key, its line, and exit code 1', async () => {
    const folder = join(scratch, 'bad');
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'index.js'),
      'export default { fetch: () => new Response("hi") };\n',
    );
    writeFileSync(join(folder, 'popmesh.toml'), 'name = "bad"\n\n[limits]\nmemory_mbs = 12\n');
    const { code, stderr } = await mesh.popmesh('deploy', folder);
    assert.equal(code, 1);
    assert.match(stderr, /popmesh\.toml:4/);
    assert.match(stderr, /memory_mbs/);
    assert.match(stderr, /memory_mb/);
  });

  test('source that does not build: where, and exit code 1', async () => {
    const folder = join(scratch, 'broken');
    mkdirSync(folder);
    writeFileSync(join(folder, 'index.js'), 'export default {\n  fetch( { return 1 }\n};\n');
    writeFileSync(join(folder, 'popmesh.toml'), 'name = "broken"\n');
    const { code, stderr } = await mesh.popmesh('deploy', folder);
    assert.equal(code, 1);
    assert.match(stderr, /index\.js:2/);
  });

  test('an API that is not there: unavailable, with what to do', async () => {
    const { code, stderr } = await mesh.popmesh('status', '--api', 'http://127.0.0.1:9');
    assert.equal(code, 1);
    assert.match(stderr, /127\.0\.0\.1:9/);
  });
});
