import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { ControlApi } from './control-api.ts';
import { controlServer, json } from './control-server.test-support.ts';

const api = (...apis: string[]) =>
  new ControlApi({ apis, token: 'secret', gateway: undefined, domain: undefined, source: '--api' });

async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

test('the next node is asked when one is down, for changes too', async (t) => {
  const live = await controlServer(t, (_, response) =>
    json(response, { function: 'default/a', deleted: true }),
  );
  const calls = api(await closedPort(), live.url);
  assert.equal((await calls.remove('default', 'a')).deleted, true);
  assert.deepEqual(
    live.seen.map(({ method, url, authorization }) => [method, url, authorization]),
    [['DELETE', '/v1/functions/default/a', 'Bearer secret']],
  );
});

test('a change that may have happened is not made twice', async (t) => {
  const cut = await controlServer(t, (_, response) => response.destroy());
  const other = await controlServer(t, (_, response) => json(response, {}));
  await assert.rejects(api(cut.url, other.url).rollback('default', 'a'), { code: 'unavailable' });
  assert.equal(other.seen.length, 0);
  await api(cut.url, other.url).status();
  assert.equal(other.seen.length, 1);
});

test('a node that is busy or leaving has done nothing: the next is asked, and in the end the first again', async (t) => {
  const refuse = (code: string) => ({ error: { code, message: 'not now' } });
  const leaving = await controlServer(t, (_, response) => json(response, refuse('draining'), 503));
  let calls = 0;
  const busy = await controlServer(t, (_, response) => {
    calls++;
    if (calls < 3) json(response, refuse('overloaded'), 503);
    else json(response, { function: 'default/a', deleted: true });
  });
  assert.equal((await api(leaving.url, busy.url).remove('default', 'a')).deleted, true);
  assert.equal(leaving.seen.length, 3);
  assert.equal(calls, 3);
  await assert.rejects(api(leaving.url).remove('default', 'a'), { code: 'draining' });
  const interrupted = new AbortController();
  const full = await controlServer(t, (_, response) => {
    json(response, refuse('overloaded'), 503);
    interrupted.abort();
  });
  const upload = { namespace: 'a', name: 'b', manifest: { label: '', engine: '', config: {} } };
  await assert.rejects(
    api(full.url).deploy({ ...upload, component: new Uint8Array(1) }, interrupted.signal),
    /aborted/,
  );
});

test('a refusal keeps its code, message and hint', async (t) => {
  const error = { code: 'permission_denied', message: 'not yours', hint: 'ask' };
  const server = await controlServer(t, (_, response) => json(response, { error }, 403));
  await assert.rejects(api(server.url).list(), error);
});

test('an answer of something else is not taken for a mesh', async (t) => {
  const server = await controlServer(t, (_, response) => response.writeHead(502).end('<html>'));
  await assert.rejects(api(server.url).list(), {
    code: 'unavailable',
    message: /502.*no popmesh answer/,
  });
});

test('a token does not follow a redirect', async (t) => {
  const thief = await controlServer(t, (_, response) => json(response, {}));
  const server = await controlServer(t, (_, response) =>
    response.writeHead(302, { location: thief.url }).end(),
  );
  await assert.rejects(api(server.url).list(), { code: 'unavailable' });
  assert.equal(thief.seen.length, 0);
});

test('log lines cut anywhere are put together again', async (t) => {
  const line = JSON.stringify({ message: 'grüße', timeMs: 1 });
  const bytes = Buffer.from(`${line}\nnot json\n${line}\n`);
  const server = await controlServer(t, (_, response) => {
    for (const byte of bytes) response.write(Buffer.of(byte));
    response.end();
  });
  const messages: string[] = [];
  for await (const { message } of api(server.url).logs({}, new AbortController().signal))
    messages.push(message);
  assert.deepEqual(messages, ['grüße', 'grüße']);
});
