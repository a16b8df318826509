import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noMetrics } from '@popmesh/contracts';
import { gatewayConfigSchema } from './config.ts';
import { Ledger } from './ledger.ts';
import { Traffic } from './traffic.ts';

const { limits } = gatewayConfigSchema.parse({
  id: 'gw',
  dataDir: '/nonexistent',
  mesh: { rootPublicKey: 'A'.repeat(43) },
});

test('the table of clients has no more rows than there are things held', () => {
  const small = { ...limits, connectionsMax: 100, inFlightMax: 100, waitingMax: 100 };
  const traffic = new Traffic(noMetrics);
  const ledger = new Ledger({ limits: small }, traffic);
  const held = ledger.connect('192.0.2.1', false);
  assert.ok(held !== undefined);
  for (let i = 0; i < 100_000; i++) {
    const client = ledger.connect(
      `2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`,
      false,
    );
    assert.ok(client !== undefined);
    ledger.disconnect(client);
    assert.ok(ledger.clients <= 300 + 1_024);
  }
  assert.equal(ledger.client('192.0.2.1'), held, 'what holds something is not forgotten');
  ledger.sweep();
  assert.equal(ledger.clients, 1);
});

test('of the last quarter of all connections one client has a tenth of its own bound', () => {
  const small = {
    ...limits,
    connectionsMax: 400,
    client: { ...limits.client, connectionsMax: 100 },
  };
  const ledger = new Ledger({ limits: small }, new Traffic(noMetrics));
  const take = (address: string): number => {
    let taken = 0;
    while (ledger.connect(address, false) !== undefined) taken++;
    return taken;
  };
  assert.deepEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(take), [100, 100, 100]);
  assert.equal(take('192.0.2.4'), 10);
});

test('of the last quarter of the bytes as well: a few clients leave room for bodies of others', () => {
  const ledger = new Ledger({ limits }, new Traffic(noMetrics));
  const tenants = [ledger.tenant('alice'), ledger.tenant('bob')] as const;
  const take = (address: string): number => {
    const client = ledger.client(address);
    let taken = 0;
    while (tenants.some((tenant) => ledger.hold(client, tenant, 65_536) === undefined)) taken++;
    return taken;
  };
  const greedy = Array.from({ length: 8 }, (_, i) => take(`192.0.2.${i}`));
  assert.deepEqual(greedy, [512, 512, 512, 512, 512, 512, 51, 51]);
  assert.equal(take('198.51.100.1'), 51, 'somebody else has as much');
});

test('who was told often enough in a second is not answered any more, until the next', () => {
  const ledger = new Ledger({ limits }, new Traffic(noMetrics));
  const client = ledger.connect('192.0.2.1', false);
  assert.ok(client !== undefined);
  const tenant = ledger.tenant('default');
  for (let i = 0; i < limits.client.waitingMax; i++) ledger.wait(client, tenant, 1);
  for (let i = 0; i < 200; i++) assert.ok(ledger.waitRefusal(client, tenant) !== undefined);
  assert.equal(ledger.connect('192.0.2.1', false), undefined);
  assert.ok(ledger.connect('192.0.2.2', false) !== undefined);
  ledger.sweep();
  assert.equal(ledger.connect('192.0.2.1', false), client);
});

test('who sends bodies in tiny pieces again and again is closed at accept for a second', () => {
  const ledger = new Ledger({ limits }, new Traffic(noMetrics));
  const client = ledger.connect('192.0.2.1', false);
  assert.ok(client !== undefined);
  for (let i = 0; i < 4; i++) {
    assert.ok(ledger.connect('192.0.2.1', false) !== undefined);
    assert.equal(ledger.tinyPieces(client).code, 'payload_too_large');
    ledger.tinyPieces(ledger.house);
  }
  assert.equal(ledger.connect('192.0.2.1', false), undefined);
  assert.ok(ledger.connect('192.0.2.2', false) !== undefined);
  assert.ok(ledger.connect('127.0.0.1', true) !== undefined, 'the proxy is not barred');
  ledger.sweep();
  assert.ok(ledger.connect('192.0.2.1', false) !== undefined);
});
