import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import { FRA, setFunction, startTestGateway, TestNode } from './test-mesh.ts';

/** Two tenants at one gateway: what the one's answers say to a browser, the other does not feel. */

const HOSTILE = {
  'alt-svc': 'h3="evil.example:443"',
  'service-worker-allowed': '/',
  'clear-site-data': '"*"',
  'strict-transport-security': 'max-age=9; includeSubDomains',
  nel: '{"report_to":"evil","include_subdomains":true}',
  'x-own': 'yes',
};
const COOKIES = [
  'own=1',
  'root=1; Path=/',
  'wide=1; Domain=localhost; Path=/',
  '__Host-x=1; Path=/; Secure',
];

test('a function at the shared address speaks for its own path, under its name for its host', async () => {
  const alice = new TestNode('fra-1', FRA, (_req, res) =>
    res.writeHead(200, { ...HOSTILE, 'set-cookie': COOKIES }).end('alice'),
  );
  const bob = new TestNode('fra-2', FRA, (req, res) => res.end(req.headers.cookie ?? 'none'));
  const gateway = await startTestGateway([alice, bob]);
  setFunction(gateway.mesh, 'alice/echo');
  setFunction(gateway.mesh, 'bob/shop');
  gateway.mesh.setNode(alice.announcement('alice/echo'));
  gateway.mesh.setNode(bob.announcement('bob/shop'));
  const get = async (path: string, host: string): Promise<IncomingMessage> => {
    const sent = request(`${gateway.url}${path}`, { headers: { host }, agent: false });
    sent.end();
    const [res] = (await once(sent, 'response')) as [IncomingMessage];
    res.resume();
    return res;
  };
  try {
    for (const host of ['localhost', '127.0.0.1', 'unknown.example']) {
      const { headers } = await get('/alice/echo/', host);
      assert.equal(headers['x-own'], 'yes');
      for (const name of Object.keys(HOSTILE)) {
        if (name !== 'x-own') assert.equal(headers[name], undefined, `${name} at ${host}`);
      }
      const wide = host === 'localhost' ? ['wide=1; Path=/alice/echo'] : [];
      assert.deepEqual(headers['set-cookie'], [
        'own=1; Path=/alice/echo',
        'root=1; Path=/alice/echo',
        ...wide,
      ]);
    }
    const named = (await get('/', 'echo.alice.localhost:80')).headers;
    assert.deepEqual(named['set-cookie'], [
      'own=1',
      'root=1; Path=/',
      '__Host-x=1; Path=/; Secure',
    ]);
    assert.equal(named['strict-transport-security'], 'max-age=9');
    assert.equal(named['clear-site-data'], '"cache", "storage"');
    assert.equal(named.nel, undefined);
    assert.equal(named['alt-svc'], HOSTILE['alt-svc']);
  } finally {
    await gateway.stop();
  }
});

test('the owner of a host does not speak for a host of another tenant beneath it', async () => {
  const hsts = 'max-age=9; includeSubDomains';
  const clears = '"cookies", "storage"';
  const node = new TestNode('fra-1', FRA, (req, res) => {
    const host = String(req.headers.host);
    const above = host.slice(host.indexOf('.') + 1);
    res.writeHead(200, {
      'strict-transport-security': hsts,
      'clear-site-data': clears,
      'set-cookie': [`wide=1; Domain=${host}; Path=/`, `up=1; Domain=${above}`],
    });
    res.end();
  });
  const gateway = await startTestGateway([node]);
  const owns = (id: `${string}/${string}`, ...hosts: string[]): void =>
    setFunction(gateway.mesh, id, 1n, { routes: hosts.map((host) => `${host}/*`) });
  owns('mallory/bank', 'bank.example', 'evil.shop.example');
  owns('bob/own', 'bob.example', 'www.bob.example');
  const seen = async (host: string): Promise<unknown[]> => {
    const sent = request(`${gateway.url}/`, { headers: { host }, agent: false });
    sent.end();
    const [res] = (await once(sent, 'response')) as [IncomingMessage];
    res.resume();
    const { headers } = res;
    return [
      headers['set-cookie'],
      headers['strict-transport-security'],
      headers['clear-site-data'],
    ];
  };
  const free = (host: string) => [[`wide=1; Domain=${host}; Path=/`], hsts, clears];
  try {
    const fns = ['mallory/bank', 'bob/own', 'alice/www'].map((fn) => ({
      function: fn,
      revision: 1n,
    }));
    const dataPlanes = ['mallory', 'bob', 'alice'].map((namespace) => ({
      namespace,
      address: node.address,
    }));
    gateway.mesh.setNode(node.announcement(undefined, 1n, { dataPlanes, ready: fns }));
    assert.deepEqual(await seen('bank.example'), free('bank.example'));
    owns('alice/www', 'www.bank.example', 'shop.example');
    for (const host of ['bank.example', 'shop.example']) {
      assert.deepEqual(await seen(host), [['wide=1; Path=/'], 'max-age=9', '"storage"'], host);
    }
    for (const host of ['www.bank.example', 'evil.shop.example']) {
      assert.deepEqual(await seen(host), [free(host)[0], hsts, '"storage"'], host);
    }
    assert.deepEqual(await seen('bob.example'), free('bob.example'));
    const [own = []] = free('www.bob.example');
    // The host above is bob's as well, and nobody else is beneath it.
    const shared = [...own, 'up=1; Domain=bob.example'];
    assert.deepEqual(await seen('www.bob.example'), [shared, hsts, clears]);
  } finally {
    await gateway.stop();
  }
});
