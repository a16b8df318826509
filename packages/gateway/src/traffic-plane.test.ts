import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import type { Clock } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { AMS, FRA, NRT, named, setFunction, startTestGateway, TestNode } from './test-mesh.ts';

/** A guard against hanging, for machines of any speed; figures are in ARCHITECTURE.md. */
const HANGS_MS = 60_000;

const get = (url: string, headers: Record<string, string> = {}) =>
  fetch(url, { headers, signal: AbortSignal.timeout(HANGS_MS) });

test('the nearest node answers, with the headers that say so', async () => {
  const fra = new TestNode('fra-1', FRA, (req, res) => {
    res.setHeader('server-timing', 'queue;dur=1, run;dur=2');
    res.setHeader('popmesh-version', '7');
    res.setHeader('popmesh-internal', 'secret');
    res.setHeader('connection', 'x-hop');
    res.setHeader('x-hop', '1');
    res.setHeader('set-cookie', ['a=1', 'b=2']);
    res.end(JSON.stringify({ url: req.url, headers: req.headers }));
  });
  const nrt = new TestNode('nrt-1', NRT, named('nrt'));
  const gateway = await startTestGateway([fra, nrt]);
  try {
    const res = await get(`${gateway.url}/default/hello/a/b?q=1`, {
      'popmesh-function': 'evil/one',
      'x-forwarded-for': '133.242.0.1',
      te: 'trailers',
    });
    assert.equal(res.status, 200);
    assert.equal(res.headers.get('popmesh-pop'), 'fra');
    assert.equal(res.headers.get('popmesh-node'), 'fra-1');
    assert.equal(res.headers.get('popmesh-route'), 'nearest');
    assert.equal(res.headers.get('popmesh-version'), '7');
    assert.equal(res.headers.get('popmesh-internal'), null);
    assert.equal(res.headers.get('x-hop'), null);
    assert.deepEqual(res.headers.getSetCookie(), [
      'a=1; Path=/default/hello',
      'b=2; Path=/default/hello',
    ]);
    assert.match(res.headers.get('popmesh-request-id') ?? '', /^[0-9a-f-]{36}$/);
    assert.match(res.headers.get('server-timing') ?? '', /^gateway;dur=.*run;dur=2$/);
    const seen = (await res.json()) as { url: string; headers: Record<string, string> };
    assert.equal(seen.url, '/a/b?q=1');
    assert.equal(seen.headers['popmesh-function'], 'default/hello');
    assert.equal(seen.headers['popmesh-pop'], 'fra');
    assert.equal(seen.headers['popmesh-client-location'], '50.1,8.7');
    assert.equal(seen.headers['x-forwarded-for'], '133.242.0.1, 127.0.0.1');
    assert.equal(seen.headers.host, gateway.address);
    assert.equal(seen.headers.te, undefined);
    assert.ok(Number(seen.headers['popmesh-timeout-ms']) > 4000);
  } finally {
    await gateway.stop();
  }
});

test('a trusted client location decides; an untrusted one does not', async () => {
  const nodes = [
    new TestNode('fra-1', FRA, named('fra')),
    new TestNode('nrt-1', NRT, named('nrt')),
  ];
  const gateway = await startTestGateway(nodes);
  const strict = await startTestGateway([], { trustedProxies: [] });
  try {
    for (const node of nodes) strict.mesh.setNode(node.announcement());
    setFunction(strict.mesh);
    const tokyo = { 'popmesh-client-location': '35.68,139.69' };
    assert.equal(await (await get(`${gateway.url}/default/hello/`, tokyo)).text(), 'nrt');
    assert.equal(await (await get(`${strict.url}/default/hello/`, tokyo)).text(), 'fra');
  } finally {
    await strict.stop();
    await gateway.stop();
  }
});

test('unknown functions are 404 with a hint, and 503 before the directory is known', async () => {
  const gateway = await startTestGateway([new TestNode('fra-1', FRA, named('fra'))]);
  try {
    const unknown = await get(`${gateway.url}/default/nope/`);
    assert.equal(unknown.status, 404);
    const body = (await unknown.json()) as { error: { code: string; hint: string } };
    assert.equal(body.error.code, 'function_not_found');
    assert.ok(body.error.hint.length > 0);
    gateway.synced = false;
    const early = await get(`${gateway.url}/default/nope/`);
    assert.equal(early.status, 503);
    assert.equal(early.headers.get('retry-after'), '1');
  } finally {
    await gateway.stop();
  }
});

test('a node killed at load: no failed GET, traffic elsewhere, and back soon after it returns', async () => {
  const fra = new TestNode(
    'fra-1',
    FRA,
    (req, res) => void setTimeout(() => named('fra')(req, res), 5),
  );
  const ams = new TestNode('ams-1', AMS, named('ams'));
  const gateway = await startTestGateway([fra, ams]);
  try {
    let stop = false;
    const statuses = new Map<number, number>();
    const by = new Map<string, number>();
    const client = async (): Promise<void> => {
      while (!stop) {
        const res = await get(`${gateway.url}/default/hello/`);
        statuses.set(res.status, (statuses.get(res.status) ?? 0) + 1);
        const text = await res.text();
        by.set(text, (by.get(text) ?? 0) + 1);
      }
    };
    const clients = Promise.all(Array.from({ length: 16 }, client));
    const until = async (what: () => boolean): Promise<void> => {
      const end = performance.now() + HANGS_MS;
      while (!what()) {
        assert.ok(performance.now() < end, 'in time');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await until(() => (by.get('fra') ?? 0) > 50);
    const port = Number(fra.address.split(':')[1]);
    await fra.kill();
    await until(() => (by.get('ams') ?? 0) > 50);
    await fra.start(port);
    const before = by.get('fra') ?? 0;
    await until(() => (by.get('fra') ?? 0) > before + 20);
    stop = true;
    await clients;
    assert.deepEqual([...statuses.keys()], [200]);
  } finally {
    await gateway.stop();
  }
});

test('a POST that may have run is 502, never sent twice; with an Idempotency-Key it is repeated', async () => {
  const fra = new TestNode('fra-1', FRA, (req) =>
    req.resume().on('end', () => req.socket.destroy()),
  );
  const ams = new TestNode('ams-1', AMS, named('ams'));
  const gateway = await startTestGateway([fra, ams]);
  try {
    const url = `${gateway.url}/default/hello/`;
    const plain = await fetch(url, { method: 'POST', body: 'x' });
    assert.equal(plain.status, 502);
    assert.equal(plain.headers.get('popmesh-error'), 'peer_unavailable');
    await plain.text();
    assert.equal(ams.hits, 0);
    assert.equal(fra.hits, 1);
    gateway.mesh.setNode({ ...fra.announcement(), startedAtMs: 2n });
    const keyed = await fetch(url, {
      method: 'POST',
      body: 'x',
      headers: { 'idempotency-key': 'k1' },
    });
    assert.equal(await keyed.text(), 'ams');
    assert.equal(keyed.headers.get('popmesh-route'), 'failover');
    assert.equal(fra.hits, 2);
  } finally {
    await gateway.stop();
  }
});

test('a POST to a node that refuses connections was never sent, and goes on', async () => {
  const fra = new TestNode('fra-1', FRA, named('fra'));
  const ams = new TestNode('ams-1', AMS, (req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => res.end(`ams ${body.length}`));
  });
  const gateway = await startTestGateway([fra, ams]);
  try {
    await fra.kill();
    const big = 'x'.repeat(500_000);
    const res = await fetch(`${gateway.url}/default/hello/`, { method: 'POST', body: big });
    assert.equal(await res.text(), 'ams 500000');
  } finally {
    await gateway.stop();
  }
});

test('overload spills to the next PoP, POST too; overloaded everywhere is one quick 503', async () => {
  const busy: TestNode['handler'] = (req, res) => {
    req.resume();
    res.writeHead(503, { 'popmesh-overload': '1', 'popmesh-error': 'overloaded' }).end('busy');
  };
  const fra = new TestNode('fra-1', FRA, busy);
  const ams = new TestNode('ams-1', AMS, named('ams'));
  // Time stands still: neither pressure nor the savings for retries change but by what is asked.
  const gateway = await startTestGateway([fra, ams], {}, { ...realClock, monotonic: () => 0 });
  try {
    for (let i = 0; i < 50; i++) {
      const res = await fetch(`${gateway.url}/default/hello/`, { method: 'POST', body: 'x' });
      assert.equal(res.status, 200);
      assert.equal(res.headers.get('popmesh-route'), 'spill');
      assert.equal(await res.text(), 'ams');
    }
    assert.ok(fra.hits < 45, `pressure leads away: ${fra.hits}`);
    ams.handler = busy;
    fra.hits = 0;
    ams.hits = 0;
    for (let i = 0; i < 600; i++) {
      const res = await get(`${gateway.url}/default/hello/`);
      assert.equal(res.status, 503);
      assert.equal(res.headers.get('retry-after'), '1');
      assert.equal(res.headers.get('popmesh-overload'), null);
      assert.equal(((await res.json()) as { error: { code: string } }).error.code, 'overloaded');
    }
    const tries = fra.hits + ams.hits;
    // 20 % of 600, and the savings of a quiet start.
    assert.ok(tries <= 600 * 1.2 + 210, `no retry storm: ${tries}`);
  } finally {
    await gateway.stop();
  }
});

test('all nodes down: 503 at once, and traffic again soon after one returns', async () => {
  const fra = new TestNode('fra-1', FRA, named('fra'));
  const ams = new TestNode('ams-1', AMS, named('ams'));
  const gateway = await startTestGateway([fra, ams]);
  try {
    const url = `${gateway.url}/default/hello/`;
    const port = Number(ams.address.split(':')[1]);
    await Promise.all([fra.kill(), ams.kill()]);
    for (let i = 0; i < 5; i++) {
      const res = await get(url);
      // Not 504: that would be the deadline of the function, waited out.
      assert.equal(res.status, 503);
      assert.equal(res.headers.get('popmesh-error'), 'no_healthy_node');
      assert.equal(res.headers.get('retry-after'), '1');
      await res.text();
    }
    await ams.start(port);
    const end = performance.now() + HANGS_MS;
    let status = 0;
    while (status !== 200 && performance.now() < end) {
      const res = await get(url);
      status = res.status;
      await res.text();
    }
    assert.equal(status, 200);
  } finally {
    await gateway.stop();
  }
});

test('a node that falls silent: waiting GETs move on, slow functions on live nodes do not', async () => {
  const hung: TestNode['handler'] = () => {};
  const fra = new TestNode('fra-1', FRA, hung);
  const ams = new TestNode('ams-1', AMS, named('ams'));
  const gateway = await startTestGateway([fra, ams]);
  try {
    const url = `${gateway.url}/default/hello/`;
    // Silent for probes as well, as under SIGSTOP: accepts, never answers.
    const silent = new TestNode('fra-1', FRA, hung);
    const { createServer } = await import('node:net');
    const sockets = new Set<import('node:net').Socket>();
    const frozen = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => frozen.listen(0, '127.0.0.1', resolve));
    silent.address = `127.0.0.1:${(frozen.address() as { port: number }).port}`;
    gateway.mesh.setNode(silent.announcement());
    const res = await get(url);
    // Not 504, which is what the deadline would have brought.
    assert.equal(await res.text(), 'ams');
    assert.equal(res.headers.get('popmesh-route'), 'failover');
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => frozen.close(resolve));
    // A slow function on a node that answers probes is waited for, and run once.
    fra.handler = (req, res) => void setTimeout(() => named('fra')(req, res), 900);
    fra.hits = 0;
    gateway.mesh.setNode({ ...fra.announcement(), startedAtMs: 3n });
    const slow = await get(url);
    assert.equal(await slow.text(), 'fra');
    assert.equal(fra.hits, 1);
    assert.ok(fra.probes >= 1);
  } finally {
    await gateway.stop();
  }
});

test('the deadline ends in a 504 that names the hop and the limit', async () => {
  const fra = new TestNode('fra-1', FRA, () => {});
  const gateway = await startTestGateway([fra]);
  try {
    setFunction(gateway.mesh, 'default/hello', 2n, { timeoutMs: 300 });
    gateway.mesh.setNode(fra.announcement('default/hello', 2n));
    const res = await fetch(`${gateway.url}/default/hello/`, { method: 'POST' });
    assert.equal(res.status, 504);
    const { error } = (await res.json()) as { error: { code: string; details: object } };
    assert.equal(error.code, 'deadline_exceeded');
    assert.deepEqual(error.details, {
      hop: 'gateway',
      node: 'fra-1',
      limit: 'timeout_ms',
      timeoutMs: 300,
    });
    // Whose fault it was: a client that is still sending is no node that does not answer.
    const upload = request(`${gateway.url}/default/hello/`, { method: 'POST' });
    upload.write('begun');
    const [answer] = (await once(upload, 'response')) as [IncomingMessage];
    assert.equal(answer.statusCode, 504);
    assert.match(
      Buffer.concat(await answer.toArray()).toString(),
      /body did not come whole within 300 ms/,
    );
    upload.destroy();
  } finally {
    await gateway.stop();
  }
});

test('draining and stale nodes leave at once; older revisions serve until the new one is ready', async () => {
  const fra = new TestNode('fra-1', FRA, named('fra'));
  const ams = new TestNode('ams-1', AMS, named('ams'));
  const gateway = await startTestGateway([fra, ams]);
  const body = async () => (await get(`${gateway.url}/default/hello/`)).text();
  try {
    assert.equal(await body(), 'fra');
    gateway.mesh.setNode(fra.announcement('default/hello', 1n, { state: 'draining' }));
    assert.equal(await body(), 'ams');
    gateway.mesh.setNode(fra.announcement());
    assert.equal(await body(), 'fra');
    setFunction(gateway.mesh, 'default/hello', 2n);
    assert.equal(await body(), 'fra', 'last known good');
    gateway.mesh.setNode(ams.announcement('default/hello', 2n));
    assert.equal(await body(), 'ams', 'ready at the newest');
    fra.handler = (_req, res) =>
      void res.writeHead(404, { 'popmesh-error': 'function_not_found' }).end();
    gateway.mesh.setNode(fra.announcement('default/hello', 2n));
    assert.equal(await body(), 'ams', 'a stale readiness is asked once and left');
    setFunction(gateway.mesh, 'default/hello', 3n, { regions: ['ap'] });
    const none = await get(`${gateway.url}/default/hello/`);
    assert.equal(none.status, 503);
    await none.text();
  } finally {
    await gateway.stop();
  }
});

test('a client that leaves stops the work behind it', async () => {
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  let arrived: () => void = () => {};
  const there = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const fra = new TestNode('fra-1', FRA, (_req, res) => {
    res.on('close', closed);
    arrived();
  });
  const gateway = await startTestGateway([fra]);
  try {
    const req = request(`${gateway.url}/default/hello/`);
    req.on('error', () => {});
    req.end();
    await there;
    req.destroy();
    await gone;
    assert.equal(gateway.plane.traffic.inFlight, 0);
  } finally {
    await gateway.stop();
  }
});

test('drain: running requests end well, connections close, then nobody is let in', async () => {
  const answering = Promise.withResolvers<void>();
  const fra = new TestNode(
    'fra-1',
    FRA,
    (req, res) => void answering.promise.then(() => named('fra')(req, res)),
  );
  // The notice is over when this test says so; no other wait is as long as this.
  const noticeMs = 4_321;
  const notice = Promise.withResolvers<void>();
  const clock: Clock = {
    ...realClock,
    sleep: (ms, signal) => (ms === noticeMs ? notice.promise : realClock.sleep(ms, signal)),
  };
  const gateway = await startTestGateway([fra], {}, clock);
  const url = `${gateway.url}/default/hello/`;
  const arrived = async (hits: number): Promise<void> => {
    while (fra.hits < hits) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  try {
    const running = get(url);
    await arrived(1);
    const drained = gateway.plane.drain(noticeMs, HANGS_MS);
    const late = get(url);
    await arrived(2);
    notice.resolve();
    answering.resolve();
    assert.equal((await late).headers.get('connection'), 'close');
    assert.equal((await running).status, 200);
    await drained;
    await assert.rejects(get(url));
  } finally {
    await gateway.stop();
  }
});
