import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build, loadProject, standardWorld } from '../../packages/builder/src/index.ts';
import { Harness } from '../../packages/runtime/src/testing/harness.ts';

/**
 * Components of other engines and languages, unmodified, through real executor processes:
 * JavaScript in StarlingMonkey, and Python where componentize-py is installed. Rust has
 * tests of its own (packages/runtime/src/wasi).
 */

let harness: Harness;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'popmesh-standard-'));
  harness = await Harness.start();
});
after(async () => {
  await harness.stop();
  await rm(folder, { recursive: true, force: true });
});

const PORTABLE = `
let calls = 0;
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case '/': return new Response(\`\${env.GREETING} \${++calls} \${url.host} \${url.search}\`);
      case '/echo': return new Response(request.body, { headers: { 'x-method': request.method } });
      case '/json': return Response.json({ got: await request.json() });
      case '/headers': {
        const headers = new Headers({ 'x-one': request.headers.get('x-in') });
        headers.append('set-cookie', 'a=1');
        headers.append('set-cookie', 'b=2');
        return new Response(null, { status: 204, headers });
      }
      case '/unchanged': return new Response(null, { status: 304, headers: { etag: '"1"' } });
      case '/values': return Response.json([...request.headers].filter(([name]) => name === 'x-two'));
      case '/large': {
        let left = 40;
        return new Response(new ReadableStream({
          pull(controller) {
            controller.enqueue(new Uint8Array(100_000).fill(65));
            if (--left === 0) controller.close();
          },
        }));
      }
      case '/later':
        ctx.waitUntil((async () => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          console.log('the work after the answer is done');
        })());
        return new Response('now');
      case '/throw': throw new RangeError('out of range');
      case '/nothing': return undefined;
      case '/random': return new Response(crypto.randomUUID());
    }
  },
};
`;

describe('engine = "starlingmonkey"', () => {
  const id = 'default/portable';
  const config = { env: { GREETING: 'hello' }, limits: { cpuMs: 10_000 } };

  before(async () => {
    await writeFile(join(folder, 'popmesh.toml'), 'name = "portable"\nengine = "starlingmonkey"\n');
    await writeFile(join(folder, 'index.js'), PORTABLE);
    const built = await build(await loadProject(folder));
    assert.equal(built.door, 'wasi:http');
    await harness.deploy(id, config, built.component);
  });

  test('one instance answers request after request, with its environment', async () => {
    for (let call = 1; call <= 5; call++) {
      const { status, text } = await harness.call(id, '/?a=b');
      assert.equal(status, 200);
      assert.equal(text, `hello ${call} hello.example ?a=b`);
    }
  });

  test('bodies go in and out, small and large', async () => {
    const body = Buffer.alloc(1_000_000, 'abcdefg');
    const echo = await harness.call(id, '/echo', { method: 'POST', body });
    assert.equal(echo.headers['x-method'], 'POST');
    assert.ok(echo.body.equals(body));
    const json = await harness.call(id, '/json', { method: 'PUT', body: '{"a":[1]}' });
    assert.equal(json.text, '{"got":{"a":[1]}}');
    assert.equal((await harness.call(id, '/large')).body.length, 4_000_000);
  });

  test('headers keep their values apart, and 204 has no body', async () => {
    const { status, headers, body } = await harness.call(id, '/headers', {
      headers: { 'x-in': 'out' },
    });
    assert.equal(status, 204);
    assert.equal(headers['x-one'], 'out');
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
    assert.equal(body.length, 0);
  });

  test('HEAD and 304 have headers and no body, and the connection goes on', async () => {
    for (let call = 0; call < 2; call++) {
      const head = await harness.call(id, '/', { method: 'HEAD' });
      assert.equal(head.status, 200);
      assert.equal(head.body.length, 0);
      const unchanged = await harness.call(id, '/unchanged');
      assert.equal(unchanged.status, 304);
      assert.equal(unchanged.headers.etag, '"1"');
      assert.equal(unchanged.body.length, 0);
    }
    const values = await harness.call(id, '/values', { headers: { 'x-two': ['a', 'b'] } });
    assert.equal(values.text, '[["x-two","a, b"]]');
  });

  test('work after the answer is done, and its log arrives', async () => {
    assert.equal((await harness.call(id, '/later')).text, 'now');
    await harness.until(() => harness.logs.find((entry) => /answer is done/.test(entry.message)));
  });

  test('what the handler throws is a code and a stack in the log, and the next is served', async () => {
    const thrown = await harness.call(id, '/throw');
    assert.equal(thrown.status, 500);
    assert.equal(thrown.code, 'function_threw');
    assert.doesNotMatch(thrown.text, /out of range/, 'what it says is not for clients');
    const told = /^function_threw: The function answered with the error [\s\S]*out of range/;
    await harness.until(() => harness.logs.find((entry) => told.test(entry.message)));
    assert.equal((await harness.call(id, '/nothing')).code, 'function_threw');
    const first = await harness.call(id, '/random');
    const second = await harness.call(id, '/random');
    assert.equal(first.text.length, 36);
    assert.notEqual(first.text, second.text);
  });
});

/** With `componentize-py` from PyPI; PYTHON names an interpreter that has it. */
const python = process.env.PYTHON ?? 'python3';
const hasComponentizePy =
  spawnSync(python, ['-c', 'import componentize_py'], { stdio: 'ignore' }).status === 0;

describe('Python', { skip: hasComponentizePy ? false : 'componentize-py is not installed' }, () => {
  const id = 'default/python';

  before(async () => {
    const wit = join(folder, 'standard.wit');
    const output = join(folder, 'python.wasm');
    await writeFile(wit, await standardWorld());
    const source = join(folder, 'python');
    await cp(join(import.meta.dirname, 'guests/python'), source, { recursive: true });
    const script = 'import sys; from componentize_py import script; sys.exit(script())';
    const args = ['-q', '-d', wit, '-w', 'http', 'componentize', '-p', source, 'app', '-o', output];
    const { status, stderr } = spawnSync(python, ['-c', script, ...args], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const component = new Uint8Array(await readFile(output));
    await harness.deploy(id, { limits: { cpuMs: 10_000 } }, component);
  });

  test('a handler in Python answers, echoes and is used again', async () => {
    for (const path of ['/', '/again']) {
      const { status, text, headers } = await harness.call(id, path);
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'text/plain');
      assert.equal(text, `hello from Python, ${path}`);
    }
    const body = Buffer.alloc(200_000, 'python');
    const echo = await harness.call(id, '/echo', { method: 'POST', body });
    assert.ok(echo.body.equals(body));
  });

  test('there are no sockets and no files, which Python says in its own words', async () => {
    const { text } = await harness.call(id, '/forbidden');
    const [socket, file] = text.split('\n');
    assert.match(socket ?? '', /^socket: /);
    assert.match(file ?? '', /^file: /);
  });
});
