import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Clock } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { createOutbound } from '../outbound/index.ts';
import { createPipe, type Fixture, get, openRig, prepareFixture, readAll } from './fixture.ts';

const never = new AbortController().signal;
let fixture: Fixture;

before(async () => {
  fixture = await prepareFixture();
});
after(() => fixture.close());

test('a greeting says where it runs, in one piece', async () => {
  const { instance, retained } = await openRig(fixture.files, { GREETING: 'Selamat pagi' });
  const response = await instance.handle(1, get('/', [['popmesh-pop', 'sin']]), never);
  assert.equal(response.status, 200);
  assert.deepEqual(response.headers, [['content-type', 'text/plain; charset=utf-8']]);
  assert.equal(response.body.kind, 'bytes');
  assert.equal(String(await readAll(response.body)), 'Selamat pagi from Rust in sin\n');
  const missing = await instance.handle(2, get('/nothing'), never);
  assert.equal(missing.status, 404);
  assert.ok(instance.memoryBytes() > 64 * 1024);
  assert.equal(retained.size, 0);
});

test('the environment is the function\u2019s own and nothing else', async () => {
  const { instance } = await openRig(fixture.files, { A: '1', B: 'zwei' });
  const response = await instance.handle(1, get('/env'), never);
  assert.equal(String(await readAll(response.body)), 'A=1\nB=zwei\n');
});

test('stdout and stderr become log lines of the request', async () => {
  const { instance, logs } = await openRig(fixture.files);
  await instance.handle(7, get('/log'), never);
  assert.deepEqual(logs, [
    { level: 'info', message: 'a line for the log', requestId: 7 },
    { level: 'error', message: 'a line for the log, as an error', requestId: 7 },
  ]);
});

test('echo streams, and a reader that stops holds the sender back', async () => {
  const { instance, retained } = await openRig(fixture.files);
  const pipe = createPipe();
  const request = { ...get('/echo'), method: 'POST', body: { kind: 'pipe' as const, pipe } };
  const chunk = Buffer.alloc(32 * 1024, 'x');
  let sent = 0;
  let stop = false;
  const sender = (async () => {
    while (!stop && (await pipe.write(chunk))) sent += chunk.length;
    pipe.close();
  })();
  const { body } = await instance.handle(1, request, never);
  assert.ok(body.kind === 'pipe');
  assert.equal(retained.size, 1, 'the instance is kept for the rest of the body');

  // With nobody reading, the sender comes to rest after a bounded amount.
  let before = -1;
  while (before !== sent) {
    before = sent;
    await realClock.sleep(20);
  }
  assert.ok(sent <= 512 * 1024, `${sent} bytes taken without a reader`);

  let received = 0;
  while (received < 4 * 1024 * 1024) received += (await body.pipe.read())?.length ?? 0;
  stop = true;
  const rest = await readAll(body);
  await sender;
  assert.equal(received + rest.length, sent);
  while (retained.size > 0) await realClock.sleep(1);
});

test('a whole body goes in and comes back', async () => {
  const { instance } = await openRig(fixture.files);
  for (const length of [0, 1, 65_536, 1_000_000]) {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const whole = Buffer.alloc(length, bytes);
    const request = { ...get('/echo'), body: { kind: 'bytes' as const, bytes: whole } };
    const { body } = await instance.handle(length, request, never);
    assert.ok(whole.equals(await readAll(body)), `${length} bytes`);
  }
});

test('a guest that waits suspends itself, not the thread', async () => {
  let nowMs = 0;
  const timers: (() => void)[] = [];
  const clock: Clock = {
    ...realClock,
    monotonic: () => nowMs,
    setTimer: (_, run) => {
      timers.push(run);
      return { cancel: () => {} };
    },
  };
  let woken = 0;
  const slept = Array.from({ length: 8 }, async () => {
    const { instance } = await openRig(fixture.files, {}, undefined, clock);
    const response = await instance.handle(1, get('/sleep?400'), never);
    woken++;
    return response;
  });
  // All wait at the same time, and for their time alone.
  while (timers.length < 8) await realClock.sleep(1);
  const other = await openRig(fixture.files);
  await other.instance.handle(1, get('/'), never);
  assert.equal(woken, 0, 'another instance answers meanwhile');
  nowMs = 400;
  for (const fire of timers) fire();
  for (const response of await Promise.all(slept)) {
    assert.equal(String(await readAll(response.body)), 'slept 400 ms\n');
  }
});

test('one instance serves one request at a time; others queue behind it', async () => {
  const { instance } = await openRig(fixture.files);
  const order: string[] = [];
  const call = async (path: string, id: number): Promise<void> => {
    await instance.handle(id, get(path), never);
    order.push(path);
  };
  await Promise.all([call('/sleep?50', 1), call('/', 2), call('/env', 3)]);
  assert.deepEqual(order, ['/sleep?50', '/', '/env']);
});

test('a panic is a trap, is logged, and ends the instance only', async () => {
  const { instance, logs, retained } = await openRig(fixture.files);
  await assert.rejects(instance.handle(1, get('/panic'), never), { code: 'function_trapped' });
  assert.match(logs.map((log) => log.message).join('\n'), /asked to panic/);
  assert.equal(instance.broken, true);
  assert.equal(retained.size, 0);
  await assert.rejects(instance.handle(2, get('/'), never), { code: 'function_trapped' });
  const next = await openRig(fixture.files);
  assert.equal((await next.instance.handle(1, get('/'), never)).status, 200);
});

test('a client that goes away ends a guest that waits on', async () => {
  const { instance, retained } = await openRig(fixture.files);
  const client = new AbortController();
  const call = instance.handle(1, get('/sleep?60000'), client.signal);
  setImmediate(() => client.abort());
  await assert.rejects(call, { code: 'function_trapped' });
  while (retained.size > 0) await realClock.sleep(1);
  assert.equal(instance.broken, true);
});

test('dispose ends a suspended guest', async () => {
  const { instance } = await openRig(fixture.files);
  const call = instance.handle(1, get('/sleep?60000'), never);
  setImmediate(() => instance.dispose());
  await assert.rejects(call, { code: 'cancelled' });
});

test('an outgoing request goes to a real server and streams back', async (t) => {
  const server = createServer((incoming, response) => {
    response.setHeader('x-seen', `${incoming.method} ${incoming.url} ${incoming.headers.host}`);
    response.write('part one, ');
    response.end('part two');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const outbound = createOutbound({
    hosts: [`127.0.0.1:${port}`],
    allowPrivate: [`127.0.0.1:${port}`],
    concurrent: 6,
    total: 50,
    responseMb: 1,
    clock: realClock,
  });
  t.after(() => outbound.dispose());
  const { instance } = await openRig(fixture.files, {}, outbound);
  const path = `/fetch?http://127.0.0.1:${port}/there`;
  const response = await instance.handle(1, get(path), never);
  assert.equal(response.status, 200);
  assert.deepEqual(
    response.headers.filter(([name]) => name === 'x-seen'),
    [['x-seen', `GET /there 127.0.0.1:${port}`]],
  );
  assert.equal(String(await readAll(response.body)), 'part one, part two');

  const denied = await instance.handle(2, get('/fetch?http://169.254.169.254/'), never);
  assert.equal(denied.status, 502);
  assert.match(String(await readAll(denied.body)), /HttpRequestDenied/i);
});

test('thousands of calls leave the heap where it was', {
  skip: globalThis.gc === undefined && 'needs --expose-gc',
}, async () => {
  const { instance } = await openRig(fixture.files);
  const run = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) await instance.handle(i, get('/'), never);
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const first = await run(2_000);
  const second = await run(3_000);
  assert.ok(second - first < 500_000, `${second - first} bytes more`);
});
