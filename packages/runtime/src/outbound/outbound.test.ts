import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Clock } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import type { Body, GuestRequest, Outbound, OutboundOptions } from '../worker/door.ts';
import { BytePipe } from '../worker/pipes.ts';
import { createOutbound, type OutboundExtras } from './index.ts';

const never = new AbortController().signal;

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function open(t: TestContext, options: Partial<OutboundOptions & OutboundExtras>): Outbound {
  const outbound = createOutbound({
    hosts: [],
    concurrent: 6,
    total: 50,
    responseMb: 1,
    clock: realClock,
    ...options,
  });
  outbound.begin();
  t.after(() => outbound.dispose());
  return outbound;
}

/** To one real server under a made-up name, the way an operator allows it. */
const openTo = (
  t: TestContext,
  port: number,
  options: Partial<OutboundOptions & OutboundExtras> = {},
): Outbound =>
  open(t, {
    hosts: [`origin.test:${port}`],
    allowPrivate: [`127.0.0.1:${port}`],
    lookup: async () => [{ address: '127.0.0.1', family: 4 }],
    ...options,
  });

const request = (url: string, extra: Partial<GuestRequest> = {}): GuestRequest => ({
  method: 'GET',
  url,
  headers: [],
  body: { kind: 'none' },
  ...extra,
});

async function text(body: Body): Promise<string> {
  if (body.kind !== 'pipe') return body.kind === 'none' ? '' : assert.fail('a pipe');
  const parts: Uint8Array[] = [];
  for (let part = await body.pipe.read(); part !== undefined; part = await body.pipe.read()) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** All the ways to write a private address in a URL; listed hosts, so that only the address refuses. */
const PRIVATE_URLS = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0x7f.1/',
  'http://0177.0.0.1/',
  'http://017700000001/',
  'http://127.0.0.1./',
  'http://0/',
  'http://0.0.0.0/',
  'http://10.0.0.1/',
  'http://0xa9fea9fe/',
  'http://2852039166/',
  'http://169.254.169.254/latest/meta-data/',
  'http://0251.0376.0251.0376/',
  'http://192.168.1.1/',
  'http://172.16.0.1/',
  'http://100.64.0.1/',
  'http://168.63.129.16/',
  'http://[::]/',
  'http://[::1]/',
  'http://[::127.0.0.1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[fe80::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/',
  'http://\u2460\u2461\u2466.0.0.1/',
  'http://\uff11\uff12\uff17.0.0.1/',
  'https://127.0.0.1/',
];

test('no spelling of a private address is reached, though the host is listed', async (t) => {
  const hosts = PRIVATE_URLS.map((url) => new URL(url).hostname);
  const outbound = open(t, { hosts: ['*', ...hosts], lookup: () => assert.fail('looked up') });
  for (const url of PRIVATE_URLS) {
    await assert.rejects(outbound.fetch(request(url), never), { code: 'outbound_denied' }, url);
  }
});

test('a host that is not listed is denied, and so are other schemes and credentials', async (t) => {
  const outbound = open(t, { hosts: ['a.example'], lookup: () => assert.fail('looked up') });
  const code = (expected: string) => ({ code: expected });
  const call = (url: string, extra = {}) => outbound.fetch(request(url, extra), never);
  await assert.rejects(call('http://b.example/'), code('outbound_denied'));
  await assert.rejects(call('http://a.example:8080/'), code('outbound_denied'));
  await assert.rejects(call('file:///etc/passwd'), code('outbound_denied'));
  await assert.rejects(call('ftp://a.example/'), code('outbound_denied'));
  await assert.rejects(call('http://u:p@a.example/'), code('invalid_argument'));
  await assert.rejects(call('not a url'), code('invalid_argument'));
  await assert.rejects(call('http://a.example/', { method: 'CONNECT' }), code('invalid_argument'));
  await assert.rejects(
    call('http://a.example/', { headers: [['x', 'a\r\nhost: b']] }),
    code('invalid_argument'),
  );
});

test('a name with one private address among public ones is denied', async (t) => {
  const outbound = open(t, {
    hosts: ['a.example'],
    lookup: async () => [
      { address: '93.184.216.34', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ],
  });
  await assert.rejects(outbound.fetch(request('http://a.example/'), never), {
    code: 'outbound_denied',
  });
});

test('of a name with addresses of both families the one that can be reached is', async (t) => {
  const port = await serve(t, (_, response) => response.end('by IPv4'));
  const lookup = async () => [
    // Nobody listens there, and many a machine has no such address at all.
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ];
  const allowPrivate = [`127.0.0.1:${port}`, `[::1]:${port}`];
  const both = openTo(t, port, { lookup, allowPrivate });
  const { body } = await both.fetch(request(`http://origin.test:${port}/`), never);
  assert.equal(await text(body), 'by IPv4');
  // That the second may be reached does not make up for the first.
  const one = openTo(t, port, { lookup });
  await assert.rejects(one.fetch(request(`http://origin.test:${port}/`), never), {
    code: 'outbound_denied',
  });
});

test('rebinding: the name is asked once per connection, and only checked addresses are used', async (t) => {
  let asked = 0;
  const port = await serve(t, (_, response) => response.end('ok'));
  // The private server is allowed for nobody: the second answer would reach it.
  const outbound = open(t, {
    hosts: [`origin.test:${port}`],
    lookup: async () => {
      asked++;
      return [{ address: asked === 1 ? '127.0.0.1' : '93.184.216.34', family: 4 }];
    },
  });
  await assert.rejects(outbound.fetch(request(`http://origin.test:${port}/`), never), {
    code: 'outbound_denied',
  });
  assert.equal(asked, 1);

  // A connection that was checked is used again; a new one asks, and is refused.
  let answers = 0;
  const allowed = openTo(t, port, {
    lookup: async () => [{ address: answers++ === 0 ? '127.0.0.1' : '10.9.9.9', family: 4 }],
  });
  const outcomes = new Set<string>();
  for (let i = 0; i < 5; i++) {
    const call = allowed.fetch(request(`http://origin.test:${port}/`), never);
    outcomes.add(
      await call.then(
        ({ body }) => text(body),
        (error) => error.code,
      ),
    );
  }
  outcomes.delete('outbound_denied');
  assert.deepEqual([...outcomes], ['ok']);
});

test('the mesh is denied even where an operator allowed its address', async (t) => {
  const port = await serve(t, (_, response) => response.end('secret'));
  const outbound = openTo(t, port, { deny: [`127.0.0.1:${port}`] });
  await assert.rejects(outbound.fetch(request(`http://origin.test:${port}/`), never), {
    code: 'outbound_denied',
  });
});

test('headers: the host is right, the connection and the mesh are not the guest\u2019s', async (t) => {
  const port = await serve(t, (incoming, response) => {
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.end(JSON.stringify(incoming.headers));
  });
  const outbound = openTo(t, port);
  const headers: [string, string][] = [
    ['Host', 'evil.example'],
    ['X-One', '1'],
    ['popmesh-function', 'other/secret'],
    ['connection', 'x-one'],
    ['transfer-encoding', 'chunked'],
    ['content-length', '99'],
  ];
  const response = await outbound.fetch(
    request(`http://origin.test:${port}/a?b=c`, { headers }),
    never,
  );
  const seen = JSON.parse(await text(response.body));
  assert.equal(seen.host, `origin.test:${port}`);
  assert.equal(seen['x-one'], '1');
  assert.equal(seen['user-agent'], 'popmesh');
  assert.equal(seen['popmesh-function'], undefined);
  assert.equal(seen['content-length'], undefined);
  assert.deepEqual(
    response.headers.filter(([name]) => name === 'set-cookie'),
    [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ],
  );
});

test('redirects: followed with every check again', async (t) => {
  const port = await serve(t, (incoming, response) => {
    const to: Record<string, string> = {
      '/private': 'http://169.254.169.254/',
      '/unlisted': 'http://elsewhere.test/',
      '/loop': '/loop',
      '/post': '/seen',
    };
    const location = to[incoming.url ?? ''];
    if (location !== undefined) response.writeHead(302, { location }).end();
    else response.end(`${incoming.method} ${incoming.headers['content-type'] ?? ''}`);
  });
  const at = (path: string): string => `http://origin.test:${port}${path}`;
  const outbound = openTo(t, port, { hosts: ['*', `origin.test:${port}`] });
  await assert.rejects(outbound.fetch(request(at('/private')), never), { code: 'outbound_denied' });
  await assert.rejects(outbound.fetch(request(at('/loop')), never), {
    code: 'outbound_limit_exceeded',
  });
  await assert.rejects(openTo(t, port).fetch(request(at('/unlisted')), never), {
    code: 'outbound_denied',
  });
  const posted = await outbound.fetch(
    request(at('/post'), {
      method: 'POST',
      headers: [['content-type', 'text/plain']],
      body: { kind: 'text', text: 'x' },
    }),
    never,
  );
  assert.equal(posted.url, at('/seen'));
  assert.equal(await text(posted.body), 'GET ');
  const manual = await outbound.fetch(request(at('/private')), never, 'manual');
  assert.deepEqual([manual.status, manual.url], [302, undefined]);
  await assert.rejects(outbound.fetch(request(at('/private')), never, 'error'), {
    code: 'peer_misbehaved',
  });
});

test('redirects: credentials stay with their origin', async (t) => {
  const second = await serve(t, (incoming, response) => {
    response.end(`${incoming.headers.authorization} ${incoming.headers.cookie}`);
  });
  const first = await serve(t, (_, response) => {
    response.writeHead(307, { location: `http://second.test:${second}/` }).end();
  });
  const outbound = openTo(t, first, {
    hosts: [`origin.test:${first}`, `second.test:${second}`],
    allowPrivate: [`127.0.0.1:${first}`, `127.0.0.1:${second}`],
  });
  const response = await outbound.fetch(
    request(`http://origin.test:${first}/`, {
      headers: [
        ['authorization', 'Bearer x'],
        ['cookie', 'a=1'],
      ],
    }),
    never,
  );
  assert.equal(await text(response.body), 'undefined undefined');
});

test('streams both ways at once', async (t) => {
  const port = await serve(t, (incoming, response) => void incoming.pipe(response));
  const outbound = openTo(t, port);
  const pipe = new BytePipe(0);
  const call = outbound.fetch(
    request(`http://origin.test:${port}/`, { method: 'POST', body: { kind: 'pipe', pipe } }),
    never,
  );
  await pipe.write(Buffer.from('first'));
  const { body } = await call;
  assert.ok(body.kind === 'pipe');
  assert.equal(Buffer.from((await body.pipe.read()) ?? []).toString(), 'first');
  await pipe.write(Buffer.from('second'));
  assert.equal(Buffer.from((await body.pipe.read()) ?? []).toString(), 'second');
  pipe.close();
  assert.equal(await body.pipe.read(), undefined);
});

test('abort: before the head, and in the body', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const port = await serve(t, (incoming, response) => {
    if (incoming.url === '/body') response.write('begin');
    else arrived.resolve();
  });
  const outbound = openTo(t, port);
  const before = new AbortController();
  const call = outbound.fetch(request(`http://origin.test:${port}/`), before.signal);
  await arrived.promise;
  before.abort();
  await assert.rejects(call, { code: 'cancelled' });

  const during = new AbortController();
  const { body } = await outbound.fetch(request(`http://origin.test:${port}/body`), during.signal);
  assert.ok(body.kind === 'pipe');
  await body.pipe.read();
  const next = body.pipe.read();
  during.abort();
  await assert.rejects(next, { code: 'peer_unavailable' });
});

test('limits: calls per request, calls at once, bytes of a response', async (t) => {
  let now = 0;
  let most = 0;
  const port = await serve(t, (incoming, response) => {
    if (incoming.url === '/declared') response.setHeader('content-length', 2 * 1024 * 1024);
    if (incoming.url !== '/') {
      response.write(Buffer.alloc(1024 * 1024));
      response.end(Buffer.alloc(1024 * 1024));
      return;
    }
    now++;
    most = Math.max(most, now);
    setImmediate(() => {
      now--;
      response.end('ok');
    });
  });
  const url = `http://origin.test:${port}`;
  const outbound = openTo(t, port, { concurrent: 2, total: 10 });
  const calls = await Promise.allSettled(
    Array.from({ length: 12 }, () => outbound.fetch(request(`${url}/`), never)),
  );
  assert.equal(calls.filter((call) => call.status === 'fulfilled').length, 10);
  const refused = calls.filter((call) => call.status === 'rejected');
  assert.equal(refused.length, 2);
  for (const call of refused) assert.equal(call.reason.code, 'outbound_limit_exceeded');
  assert.ok(most <= 2, `${most} at once`);

  outbound.end();
  outbound.begin();
  await assert.rejects(outbound.fetch(request(`${url}/declared`), never), {
    code: 'response_too_large',
  });
  const { body } = await outbound.fetch(request(`${url}/chunked`), never);
  await assert.rejects(text(body), { code: 'response_too_large' });
});

test('an instance that ends waits no longer for bodies that nobody has read', async (t) => {
  const port = await serve(t, (_, response) => void response.write('there is more to come'));
  const left = new Set<object>();
  const clock: Clock = {
    ...realClock,
    setTimer: (ms) => {
      const timer = realClock.setTimer(ms, () => {
        left.clear();
        assert.fail(`${ms} ms are over`);
      });
      const own = {
        cancel: () => {
          left.delete(own);
          timer.cancel();
        },
      };
      left.add(own);
      return own;
    },
  };
  const outbound = openTo(t, port, { clock });
  const { body } = await outbound.fetch(request(`http://origin.test:${port}/`), never);
  assert.equal(body.kind, 'pipe');
  assert.equal(left.size, 1);
  outbound.dispose();
  while (left.size > 0) await realClock.sleep(1);
});

test('nothing may be called before a request has begun', async () => {
  const outbound = createOutbound({
    hosts: ['*'],
    concurrent: 6,
    total: 50,
    responseMb: 1,
    clock: realClock,
  });
  await assert.rejects(outbound.fetch(request('http://a.example/'), never), {
    code: 'outbound_limit_exceeded',
  });
  outbound.dispose();
});

test('a peer that is not there, and a name that is not there', async (t) => {
  const gone = open(t, {
    hosts: ['*', '127.0.0.1:1'],
    allowPrivate: ['127.0.0.1:1'],
    lookup: () => Promise.reject(new Error('ENOTFOUND')),
  });
  await assert.rejects(gone.fetch(request('http://127.0.0.1:1/'), never), {
    code: 'peer_unavailable',
  });
  await assert.rejects(gone.fetch(request('http://nowhere.example/'), never), {
    code: 'peer_unavailable',
  });
});
