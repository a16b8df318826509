import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startGuest } from './build-guest.ts';

/** Packages as they come from npm, and the two examples. */

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
let id = 0;

async function caller(file: string, config: Record<string, unknown> = {}) {
  const { handle, host } = await startGuest({ file }, config);
  return async (method: string, path: string, body = '', headers = 'popmesh-pop: fra\n') => {
    const response = await handle(++id, {
      method,
      url: `http://g.test${path}`,
      headers,
      body: body === '' ? { tag: 'none' } : { tag: 'text', val: body },
    });
    assert.deepEqual(host.reports, []);
    const { tag, val } = response.body;
    const text =
      tag === 'pipe'
        ? await host.readPipe(Number(val))
        : Buffer.from((val ?? '') as string | Uint8Array).toString();
    return { status: response.status, headers: response.headers, text };
  };
}

test('examples/hello-js answers on every route', async () => {
  const file = here('../../../../examples/hello-js/index.ts');
  const call = await caller(file, { env: { GREETING: 'Hello from' } });
  assert.equal((await call('GET', '/')).text, 'Hello from fra!\n');
  assert.equal(JSON.parse((await call('GET', '/json')).text).pop, 'fra');
  assert.equal((await call('GET', '/stream')).text, '5\n4\n3\n2\n1\n');
  assert.equal((await call('POST', '/echo', 'back')).text, 'back');
  assert.equal((await call('GET', '/none')).status, 404);
});

test('examples/hono-app, unmodified Hono with middleware', async () => {
  const call = await caller(here('../../../../examples/hono-app/index.ts'));
  assert.equal((await call('GET', '/')).text, 'Hello from Hono!\n');
  assert.deepEqual(JSON.parse((await call('GET', '/api/books/2')).text), {
    id: 2,
    title: 'A Discipline of Programming',
  });
  assert.match((await call('GET', '/api/books')).headers, /access-control-allow-origin: \*/);
  assert.equal((await call('GET', '/api/books/9')).status, 404);
  assert.equal((await call('POST', '/api/books', '{"title":"x"}')).text, '{"id":3,"title":"x"}');
  assert.equal((await call('POST', '/api/books', '{')).status, 500);
  assert.equal((await call('OPTIONS', '/api/books')).status, 204);
  const page = await call('GET', '/page/a%3Cb');
  assert.match(page.text, /Hello, a&lt;b!/);
  assert.match(page.headers, /x-frame-options: SAMEORIGIN/);
  assert.deepEqual(JSON.parse((await call('GET', '/search?q=a+b&tag=1&tag=2')).text), {
    q: 'a b',
    all: ['1', '2'],
  });
  assert.equal((await call('GET', '/nowhere')).text, '{"error":"not found"}');
});

test('zod validates inside a function', async () => {
  const call = await caller(here('./zod-guest.ts'));
  assert.equal(
    (await call('POST', '/', '{"name":"Ada","age":36}')).text,
    '{"name":"Ada","age":36}',
  );
  const refused = await call('POST', '/', '{"name":1}');
  assert.equal(refused.status, 422);
  assert.match(refused.text, /expected string/);
});
