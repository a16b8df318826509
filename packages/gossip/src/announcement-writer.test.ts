import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PopmeshError, revisionTimeMs } from '@popmesh/contracts';
import { nodeKey } from '@popmesh/protocol';
import { SimulatedMesh } from './simulated-mesh.test-support.ts';

/** Against a real table; what only several members show is in one-id.simulation.test.ts. */

const KEY = nodeKey('n0');

async function inMesh(run: (mesh: SimulatedMesh) => Promise<void>): Promise<void> {
  const mesh = new SimulatedMesh({ seed: 1, config: { profile: 'local' } });
  mesh.add('n0', []);
  await mesh.speak('n0');
  await mesh.clock.advance(100);
  await run(mesh);
  await mesh.stop();
}

test('an announcement that is refused is tried again until it is taken', () =>
  inMesh(async (mesh) => {
    const { gossip, writer } = mesh.member('n0');
    assert.ok(gossip && writer);
    const { apply } = gossip.table;
    let refusals = 3;
    gossip.table.apply = (record, origin) => {
      if (refusals-- > 0) throw new PopmeshError('overloaded', 'the record table is full');
      return apply.call(gossip.table, record, origin);
    };
    const before = gossip.table.get(KEY)?.revision ?? 0n;
    await writer.announce();
    assert.equal(gossip.table.get(KEY)?.revision, before);
    await mesh.clock.advance(10_000);
    assert.ok((gossip.table.get(KEY)?.revision ?? 0n) > before);
    assert.ok(refusals <= 0);
  }));

test('what another process said is answered, also when it comes by JetStream or from a disk', () =>
  inMesh(async (mesh) => {
    const { gossip } = mesh.member('n0');
    for (const origin of ['gossip', 'jetstream', 'disk'] as const) {
      const foreign = mesh.seal('n0', KEY, 'draining', BigInt(mesh.clock.now() + 60_000) << 16n);
      await gossip?.table.apply(foreign, origin);
      await mesh.clock.advance(1000);
      const held = gossip?.table.get(KEY);
      assert.ok(held && held.revision > foreign.revision, origin);
      assert.equal(Buffer.from(held.payload).toString(), gossip?.process.toString(16));
    }
  }));

test('two that answer each other do it four times a second at most', () =>
  inMesh(async (mesh) => {
    const { gossip } = mesh.member('n0');
    let own = 0;
    gossip?.table.onApplied((record, origin) => {
      if (origin !== 'local') return;
      own += 1;
      void gossip.table.apply(mesh.seal('n0', KEY, 'rival', record.revision + 1n), 'gossip');
    });
    await gossip?.table.apply(mesh.seal('n0', KEY, 'rival'), 'gossip');
    await mesh.clock.advance(10_000);
    assert.ok(own > 5 && own <= 41, `${own}`);
  }));

test('an own announcement from the future of the mesh is taken back', () =>
  inMesh(async (mesh) => {
    const { gossip, writer } = mesh.member('n0');
    mesh.clock.jumpWall(600_000);
    await writer?.announce();
    mesh.clock.jumpWall(-600_000);
    await writer?.announce();
    const { revision } = gossip?.table.get(KEY) ?? assert.fail();
    assert.ok(Math.abs(revisionTimeMs(revision) - mesh.clock.now()) < 1000);
  }));
