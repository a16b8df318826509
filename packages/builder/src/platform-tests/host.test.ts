import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startGuest, type WireBody } from './build-guest.ts';
import type { Outbound } from './host-double.ts';

/** How the platform deals with the host: bodies, streams, errors, fetch, console, build time. */

const file = fileURLToPath(new URL('./host-guest.ts', import.meta.url));
const config = { env: { GREETING: 'hi' } };
const NONE: WireBody = { tag: 'none' };
const utf8 = (text: string) => new Uint8Array(Buffer.from(text));
let lastId = 0;

/** An instance of its own for each test, so that nothing of one shows in another. */
async function start() {
  const { handle, host } = await startGuest({ file }, config);
  const call = async (path: string, body: WireBody = NONE, headers = '', method = 'POST') => {
    const id = ++lastId;
    const response = await handle(id, { method, url: `http://g.test${path}`, headers, body });
    const text = async (): Promise<string> => {
      const { tag, val } = response.body;
      if (tag === 'pipe') return host.readPipe(Number(val));
      return tag === 'bytes' ? Buffer.from(val as Uint8Array).toString() : String(val ?? '');
    };
    return { id, ...response, text };
  };
  const pipeOf = (...parts: string[]): WireBody => {
    const id = host.newPipe(...parts.map(utf8));
    host.pipe(id).ended = 'clean';
    return { tag: 'pipe', val: id };
  };
  return { call, host, handle, pipeOf };
}

test('the top level works at build time without the host, and is right afterwards', async () => {
  const { call } = await start();
  const top = JSON.parse(await (await call('/top')).text());
  const { random, again, uuid, timer, ...rest } = top;
  assert.deepEqual(rest, {
    url: 'https://example.com/x/b?c=d',
    query: 'd',
    text: 'é€',
    malformed: 'a\ufffd',
    date: 0,
    header: 'b',
    response: 200,
    early: 'https://xn--exmple-cua.com/%C3%A4',
  });
  assert.match(uuid, /refused: crypto.randomUUID is not available at the top level/);
  assert.match(timer, /refused: setTimeout is not available/);
  const other = await start();
  const next = JSON.parse(await (await other.call('/top')).text());
  assert.equal(next.random, random);
  assert.notEqual(next.again, again);
});

test('env is parsed once, frozen, and the same object for all requests', async () => {
  const { call, host } = await start();
  assert.equal(await (await call('/env')).text(), 'hi true true');
  assert.equal(await (await call('/env')).text(), 'hi true true');
  assert.equal(host.calls.get('config'), 1);
});

test('what one request waits for, others may wait for, and none ends for another', async () => {
  const { call } = await start();
  const held = call('/held');
  const all = await Promise.all(['/shared', '/shared', '/shared'].map((path) => call(path)));
  for (const answer of all) assert.equal(await answer.text(), 'shared');
  await call('/let-go');
  assert.equal(await (await held).text(), 'let go');
});

test('a failed allocation has a name of its own', async () => {
  const { call } = await start();
  assert.match((await call('/exhaust')).headers, /^popmesh-function-error: memory\n/);
});

test('a plain answer asks the host nothing, it only tells it', async () => {
  const { call, host } = await start();
  await call('/request');
  host.calls.clear();
  const response = await call('/env');
  assert.deepEqual(
    [response.status, response.headers, response.body.tag],
    [200, 'content-type: text/plain;charset=UTF-8\n', 'text'],
  );
  assert.deepEqual([...host.calls], [['respond', 1]]);
});

test('request bodies of every kind are read', async () => {
  const { call, pipeOf } = await start();
  assert.equal(await (await call('/text', { tag: 'text', val: 'thé' })).text(), 'thé');
  assert.equal(await (await call('/text', { tag: 'bytes', val: utf8('thé') })).text(), 'thé');
  assert.equal(await (await call('/text', pipeOf('th', 'é'))).text(), 'thé');
  assert.equal(await (await call('/text', NONE)).text(), '');
  assert.equal(await (await call('/json', pipeOf('{"a":', '1}'))).text(), '{"a":1}');
  assert.equal(await (await call('/count', pipeOf('abc', 'de'))).text(), '5');
  assert.equal(await (await call('/count', { tag: 'text', val: 'é' })).text(), '2');
  assert.equal(await (await call('/clone', pipeOf('ab', 'c'))).text(), 'abcabc');
  assert.equal(await (await call('/clone', { tag: 'text', val: 'x' })).text(), 'xx');
  assert.equal(await (await call('/echo', pipeOf('one ', 'two'))).text(), 'one two');
  assert.equal(await (await call('/echo', { tag: 'text', val: 'z' })).text(), 'z');
});

test('a request body that breaks off fails the read', async () => {
  const { call, host } = await start();
  const id = host.newPipe(utf8('half'));
  host.pipe(id).ended = 'broken';
  const { headers } = await call('/text', { tag: 'pipe', val: id });
  assert.equal(headers, 'popmesh-function-error: 1\n');
  assert.match(String(host.reports[0]?.[0]), /TypeError: The body broke off/);
});

test('the request shows the host’s headers, not to be written', async () => {
  const { call } = await start();
  const response = await call(
    '/request',
    NONE,
    'host: g.test\nx-a: 1\npopmesh-pop: fra\nx-a: 2\n',
    'GET',
  );
  assert.deepEqual(JSON.parse(await response.text()), [
    'GET',
    'http://g.test/request',
    [
      ['host', 'g.test'],
      ['popmesh-pop', 'fra'],
      ['x-a', '1, 2'],
    ],
  ]);
  assert.match(await (await call('/immutable')).text(), /refused: These headers are immutable/);
  assert.deepEqual(JSON.parse(await (await call('/mutable', NONE, 'a: b\n')).text()), [
    ['a', 'b'],
    ['added', '1'],
  ]);
});

test('a stream answers at once and flows through a pipe', async () => {
  const { call } = await start();
  const response = await call('/stream');
  assert.equal(response.body.tag, 'pipe');
  assert.equal(await response.text(), 'part 3 part 2 part 1 ');
  assert.equal(await (await call('/generator')).text(), 'ab');
});

test('a stream that fails breaks the pipe and is reported', async () => {
  const { call, host } = await start();
  const response = await call('/broken');
  await assert.rejects(response.text(), /half way/);
  assert.match(String(host.reports[0]?.[0]), /Error: half way/);
});

test('a reader that leaves cancels the source', async () => {
  const { call, host } = await start();
  const response = await call('/endless');
  const pipe = host.pipe(Number(response.body.val));
  while (pipe.chunks.length < 3) await pipe.changed();
  pipe.ended = 'cancelled';
  while (host.retained > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(host.logs, [['info', 'cancelled AbortError']]);
});

for (const [path, pattern] of [
  ['/throw', /RangeError: boom/],
  ['/reject', /TypeError: later/],
  ['/throw-text', /Uncaught just text/],
  ['/nothing', /must answer a Response, not undefined/],
  ['/object', /must answer a Response, not \[object Object\]/],
  ['/error-response', /Response.error\(\)/],
  ['/reused', /already been used/],
] as const) {
  test(`${path} is reported, answers the error mark, and the instance lives on`, async () => {
    const { call, host } = await start();
    const { status, headers, body } = await call(path);
    assert.deepEqual([status, headers, body.tag], [500, 'popmesh-function-error: 1\n', 'none']);
    assert.equal(host.reports.length, 1);
    assert.match(String(host.reports[0]?.[0]), pattern);
    assert.equal(await (await call('/env')).text(), 'hi true true');
  });
}

test('reports carry the stack and its causes', async () => {
  const { call, host } = await start();
  await call('/reject');
  assert.match(String(host.reports[0]?.[1]), /at .*\ncaused by Error: deeper\n/);
});

test('waitUntil retains, releases, and reports what fails in the background', async () => {
  const { call, host } = await start();
  const response = await call('/wait');
  assert.equal(await response.text(), 'early');
  while (host.retained > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(host.calls.get('retain'), 2);
  assert.deepEqual(host.logs, [['info', 'done']]);
  assert.match(String(host.reports[0]?.[0]), /Error: background/);
});

test('errors in listeners and timers are reported', async () => {
  const { call, host } = await start();
  assert.equal(await (await call('/listener')).text(), 'ok');
  assert.deepEqual(
    host.reports.map(([message]) => message),
    ['Error: in a listener', 'Error: in a timer'],
  );
});

test('twenty requests wait at once in one instance', async () => {
  const { call } = await start();
  const all = await Promise.all(Array.from({ length: 20 }, () => call('/sleep')));
  assert.deepEqual(new Set(await Promise.all(all.map(({ text }) => text()))), new Set(['slept']));
});

test('request.signal aborts when the client goes, and waits only when touched', async () => {
  const { call, host } = await start();
  await call('/env');
  assert.equal(host.calls.get('gone'), undefined);
  const pending = call('/gone');
  const id = lastId;
  while (host.calls.get('gone') === undefined)
    await new Promise((resolve) => setImmediate(resolve));
  host.goAway(id);
  assert.equal(await (await pending).text(), 'AbortError');
});

test('console formats as node does', async () => {
  const { call, host } = await start();
  await call('/console');
  assert.deepEqual(host.logs, [
    ['info', `a x b 4.5 {"k":1} rest [ 1, 'two', { three: 3n } ]`],
    ['warn', `Map(1) { 'k' => Set(1) { 1 } } null undefined Symbol(s) -0`],
    [
      'error',
      '{\n  nested: { deep: { deeper: [Object] } },\n  f: [Function: f],\n  g: [Getter]\n}',
    ],
    [
      'debug',
      `{ self: [Circular *1] } Headers { 'a' => 'b' } URL { href: 'http://a.test/' } [class Point] Point { x: 1 }`,
    ],
    ['info', 'one\ufffd seen'],
    ['info', 'in'],
    [
      'info',
      `  ┌─────────┬───┬─────┐\n  │ (index) │ a │ b   │\n  ├─────────┼───┼─────┤\n  │ 0       │ 1 │ 'x' │\n  └─────────┴───┴─────┘`,
    ],
    ['error', 'Assertion failed: claim'],
    ['info', 'default: 1'],
  ]);
});

test('fetch sends, receives, and tells where it ended', async () => {
  const { call, host } = await start();
  const seen: Outbound[] = [];
  host.answer = (request) => {
    seen.push(request);
    const body = { tag: 'pipe' as const, val: host.newPipe(utf8('da'), utf8('ta')) };
    host.pipe(body.val).ended = 'clean';
    return { status: 203, headers: 'popmesh-url: https://b.test/\nx-b: 2\n', body };
  };
  assert.deepEqual(JSON.parse(await (await call('/fetch')).text()), [
    203,
    'https://b.test/',
    true,
    [['x-b', '2']],
    'data',
  ]);
  const { method, url, headers, body } = seen[0] as Outbound;
  assert.deepEqual(
    [method, url, headers, body],
    ['GET', 'https://api.test/data', 'x-a: 1\n', NONE],
  );
});

test('fetch fails with the host’s code, and with the reason when aborted', async () => {
  const { call, host } = await start();
  assert.deepEqual(JSON.parse(await (await call('/fetch-failed')).text()), [
    'TypeError',
    'fetch failed: no',
    'outbound_denied',
  ]);
  host.answer = () => new Promise(() => {});
  assert.equal(await (await call('/fetch-abort')).text(), 'TimeoutError');
  assert.equal(host.aborted.length, 1);
});

test('fetch passes the redirect mode and form bodies', async () => {
  const { call, host } = await start();
  const seen: Outbound[] = [];
  host.answer = (request) => {
    seen.push(request);
    return { status: 302, headers: 'location: /x\n', body: NONE };
  };
  const response = await call('/fetch-manual');
  assert.deepEqual([response.status, response.headers], [302, 'location: /x\n']);
  assert.equal(seen[0]?.headers, 'popmesh-redirect: manual\n');
  await call('/fetch-form');
  assert.match(String(seen[1]?.headers), /^content-type: multipart\/form-data; boundary=/);
  assert.match(Buffer.from(seen[1]?.body.val as Uint8Array).toString(), /name="a"\r\n\r\nb\r\n/);
});

test('bodies stream out and back in, and a proxied answer passes through', async () => {
  const { call, host, pipeOf } = await start();
  host.answer = async ({ body }) => ({
    status: 200,
    headers: 'x-from: origin\nset-cookie: a=1\nset-cookie: b=2\n',
    body: {
      tag: 'text',
      val: body.tag === 'pipe' ? `got ${await host.readPipe(Number(body.val))}` : body.tag,
    },
  });
  assert.equal(await (await call('/fetch-upload', pipeOf('one ', 'two'))).text(), 'got one two');
  const proxied = await call('/proxy', pipeOf('up'));
  assert.equal(proxied.headers, 'x-from: origin\nset-cookie: a=1\nset-cookie: b=2\n');
  assert.equal(await proxied.text(), 'got up');
});

for (const [name, code] of Object.entries({
  'a default function': 'export default (request) => new Response(typeof request.url);',
  'a named fetch':
    'export async function fetch(request) { return new Response(typeof request.url); }',
  'an app with a fetch method': `class App { word = 'string'; fetch = () => new Response(this.word); }\nexport default new App();`,
  'an object that uses this': `export default { word: 'string', fetch() { return new Response(this.word); } };`,
})) {
  test(`the author may export ${name}`, async () => {
    const { handle } = await startGuest({ code });
    const { body } = await handle(1, {
      method: 'GET',
      url: 'http://a.test/',
      headers: '',
      body: NONE,
    });
    assert.equal(body.val, 'string');
  });
}

test('a module without a handler is refused at build time', async () => {
  await assert.rejects(startGuest({ code: 'export const x = 1;' }), /exports no handler/);
});

test('too many timers are an error that can be caught, and leave none behind', async () => {
  const { call, host } = await start();
  host.timersMax = 3;
  assert.equal(
    await (await call('/too-many-timers')).text(),
    '3 refused: There are too many timers',
  );
  assert.equal(await (await call('/sleep')).text(), 'slept');
});

test('what async callbacks of timers and listeners throw is reported', async () => {
  const { call, host } = await start();
  assert.equal(await (await call('/async-callbacks')).text(), 'ok');
  assert.deepEqual(host.reports.map(([message]) => message).sort(), [
    'Error: in an async listener',
    'Error: in an async timer',
  ]);
});

test('what microtasks throw is reported, and the instance lives on', async () => {
  const { call, host } = await start();
  assert.match(await (await call('/microtasks')).text(), /refused: The callback is not a function/);
  assert.deepEqual(
    host.reports.map(([message]) => message),
    ['Error: in a microtask', 'Error: in an async microtask'],
  );
});

test('what a finalizer throws is reported, and the instance lives on', async () => {
  const { call, host } = await start();
  const text = await (await call('/finalizer')).text();
  assert.equal(text, 'true [object FinalizationRegistry]');
  assert.deepEqual(
    host.reports.map(([message]) => message),
    ['Error: in a finalizer of something'],
  );
});
