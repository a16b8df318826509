import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, Mesh, SignedRecordSchema } from '@popmesh/protocol';
import { SimulatedMesh } from './simulated-mesh.test-support.ts';

const context = { signal: new AbortController().signal, peer: 'h:1' };
const request = <M extends keyof typeof Mesh.method>(method: M, init: object) =>
  create(Mesh.method[method].input, init as never) as never;

async function inMesh(count: number, run: (mesh: SimulatedMesh) => Promise<void>): Promise<void> {
  const mesh = new SimulatedMesh({ seed: 1, config: { profile: 'local' } });
  await mesh.grow(count);
  await mesh.until('a full view', () => mesh.membersAgree(), 5000);
  await run(mesh);
  await mesh.stop();
}

const handlersOf = (mesh: SimulatedMesh, id: string) => {
  const { gossip } = mesh.member(id);
  assert.ok(gossip);
  return gossip.handlers;
};

test('forged, misattributed and future records are refused one by one, the good ones kept', () =>
  inMesh(2, async (mesh) => {
    const signed = (id: string, key: string, revision?: bigint) =>
      fromBinary(SignedRecordSchema, mesh.seal(id, key, 'payload', revision).envelope);
    const forged = signed('n1', 'function/d/forged');
    forged.payload = new Uint8Array([1]);
    const future = BigInt(mesh.clock.now() + 400_000) << 16n;
    const records = [
      forged,
      signed('n1', 'node/n0'),
      signed('n1', 'function/d/future', future),
      signed('n1', 'function/d/good'),
      create(SignedRecordSchema, {}),
    ];
    await handlersOf(mesh, 'n0').push(request('push', { from: 'n1', records }), context);
    assert.deepEqual(
      mesh
        .table('n0')
        .list('')
        .map((record) => record.key),
      ['function/d/good'],
    );
  }));

test('a relay calls members only, and a ping for somebody else is refused', () =>
  inMesh(2, async (mesh) => {
    const handlers = handlersOf(mesh, 'n0');
    const sent = mesh.network.counts.sent;
    for (const [target, targetAddress] of [
      ['n1', '169.254.169.254:80'],
      ['stranger', 'n1:7400'],
    ]) {
      const asked = request('pingIndirect', { from: 'n1', target, targetAddress, timeoutMs: 100 });
      assert.deepEqual(await handlers.pingIndirect(asked, context), { acknowledged: false });
    }
    assert.equal(mesh.network.counts.sent, sent);
    await assert.rejects(handlers.ping(request('ping', { from: 'n1', target: 'n7' }), context), {
      code: 'not_found',
    });
  }));

test('nothing is answered before the start and after the stop', async () => {
  const mesh = new SimulatedMesh({ seed: 1 });
  mesh.add('n0', []);
  const gossip = await mesh.start('n0');
  await mesh.kill('n0');
  const ping = request('ping', { from: 'x', target: 'n0' });
  await assert.rejects(gossip.handlers.ping(ping, context), { code: 'unavailable' });
  const record = mesh.seal('n0', 'function/d/f', 'x');
  await assert.rejects(gossip.table.apply(record, 'local'), { code: 'unavailable' });
  assert.equal(gossip.stop(), gossip.stop());
  await mesh.stop();
});

test('a sync of many megabytes goes in bounded messages, and ends where one side refuses', () =>
  inMesh(1, async (mesh) => {
    const payload = 'x'.repeat(20_000);
    for (let i = 0; i < 300; i++) await mesh.deploy('n0', `f${i}`, payload);
    mesh.add('n1', ['n0:7400']);
    const joining = await mesh.start('n1');
    // Only one has it, and the other will not take it: its clock says five minutes too early.
    mesh.clock.jumpWall(10_000_000);
    await mesh.deploy('n0', 'from-the-future', payload);
    mesh.clock.jumpWall(-10_000_000);
    await mesh.until('all here', () => joining.table.size === 300, 5000);
    const sent = mesh.network.counts.sent;
    const synced = joining.syncNow();
    await mesh.clock.advance(500);
    await synced;
    assert.ok(mesh.network.counts.sent - sent < 50);
    assert.equal(joining.table.size, 300);
    mesh.clock.jumpWall(10_000_000);
    await mesh.until('the clocks agree again', () => joining.table.size === 301, 30_000);
  }));

test('gateways receive everything and are never asked to relay', () =>
  inMesh(3, async (mesh) => {
    mesh.add('gw', ['n0:7400'], 'gateway');
    const gateway = await mesh.start('gw');
    await mesh.until('the gateway in', () => mesh.membersAgree(), 3000);
    await mesh.deploy('n2', 'f', 'x');
    await mesh.until('the deploy at the gateway', () => gateway.table.size === 1, 300);
    let relayed = 0;
    const { send } = mesh.network;
    mesh.network.send = (from, to, message) => {
      const { kind, method } = message as { kind: string; method: string };
      if (to === 'gw:7400' && kind === 'request' && method === 'pingIndirect') relayed++;
      send.call(mesh.network, from, to, message);
    };
    await mesh.kill('n2');
    await mesh.until('n2 dead', () => mesh.stateOf('gw', 'n2') === 'dead', 4000);
    assert.equal(relayed, 0);
    assert.equal(gateway.members().find((member) => member.id === 'gw')?.role, 'gateway');
  }));
