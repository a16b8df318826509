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
