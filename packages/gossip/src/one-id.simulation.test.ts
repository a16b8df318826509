import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeKey } from '@popmesh/protocol';
import type { Gossip } from './index.ts';
import { forSeeds, SimulatedMesh } from './simulated-mesh.test-support.ts';

/** Announcements that hold, clocks that are wrong, and two processes with one id. */

const MINUTE_MS = 60_000;
const SEEDS = 5;

async function inMesh(seed: number, run: (mesh: SimulatedMesh) => Promise<void>): Promise<void> {
  const faults = { delayMs: 5, jitterMs: 4 };
  const mesh = new SimulatedMesh({ seed, faults, config: { profile: 'local' } });
  try {
    for (const id of ['n0', 'n1', 'n2']) {
      mesh.add(id, id === 'n0' ? [] : ['n0:7400']);
      await mesh.speak(id);
    }
    await mesh.until('a full view', () => mesh.membersAgree(), 5000);
    await run(mesh);
  } catch (error) {
    await mesh.stop().catch(() => {});
    throw error;
  }
  await mesh.stop();
}

/** Whether all running members hold what this process says of `id`. */
const isHeldBy = (mesh: SimulatedMesh, names: readonly string[], id: string, process: bigint) =>
  names.every((name) => {
    const record = mesh.table(name).get(nodeKey(id));
    return (
      record !== undefined && new TextDecoder().decode(record.payload) === process.toString(16)
    );
  });

const all = ['n0', 'n1', 'n2'];

test('a wiped disk and a clock 3 minutes behind: what the new process says holds within 5 s', () =>
  forSeeds(SEEDS, (seed) =>
    inMesh(seed, async (mesh) => {
      await mesh.until('n2 held', () => mesh.member('n2').writer?.isHeld === true, 2000);
      await mesh.kill('n2');
      await mesh.clock.advance(mesh.random.integer(5000));
      const { identity } = mesh.member('n2');
      mesh.members.delete('n2');
      const wiped = { ...mesh.add('n2', ['n0:7400']), identity };
      mesh.members.set('n2', wiped);
      wiped.clock.jumpWall(-3 * MINUTE_MS);
      const { gossip, writer } = await mesh.speak('n2');
      await mesh.until(
        'the new process to be heard',
        () => writer.isHeld && isHeldBy(mesh, all, 'n2', gossip.process),
        5000,
      );
    }),
  ));

test('a clock 10 minutes ahead is overruled, its member is heard all the same, and corrected it is back at once', () =>
  forSeeds(SEEDS, (seed) =>
    inMesh(seed, async (mesh) => {
      await mesh.kill('n2');
      const { clock } = mesh.member('n2');
      clock.jumpWall(10 * MINUTE_MS);
      const { gossip, writer } = await mesh.speak('n2');
      await mesh.until('the skew to be known', () => gossip.time.skewMs() !== undefined, 2000);
      assert.ok(Math.abs((gossip.time.aheadMs() ?? 0) - 10 * MINUTE_MS) < 50);
      await mesh.until('n2 heard', () => isHeldBy(mesh, all, 'n2', gossip.process), 5000);
      // The others' clocks are right, and they know it.
      for (const id of ['n0', 'n1']) assert.equal(mesh.member(id).gossip?.time.skewMs(), undefined);
      // What the others say is not from the past for it, nor what they will say from the future.
      await mesh.deploy('n0', 'meanwhile', 'x');
      await mesh.until('the deploy', () => mesh.tablesAgree('function/'), 1000);
      clock.jumpWall(-10 * MINUTE_MS);
      assert.equal(gossip.time.skewMs(), undefined, 'known without asking anybody');
      await writer.announce();
      const { revision } = mesh.table('n2').get(nodeKey('n2')) as { revision: bigint };
      const everywhere = () =>
        all.every((id) => mesh.table(id).get(nodeKey('n2'))?.revision === revision);
      await mesh.until('what it says now', everywhere, 1000);
    }),
  ));

test('a clock that jumps ahead while its member runs is overruled at once', () =>
  inMesh(1, async (mesh) => {
    const { gossip, clock } = mesh.member('n1');
    await mesh.until('the clocks to be compared', () => gossip?.time.aheadMs() !== undefined, 2000);
    clock.jumpWall(10 * MINUTE_MS);
    assert.ok((gossip?.time.skewMs() ?? 0) > 9 * MINUTE_MS);
    assert.ok(Math.abs((gossip?.time.now() ?? 0) - mesh.clock.now()) < 50);
  }));

test('of two the one ahead gives in; one that is behind needs two against it', () =>
  inMesh(1, async (mesh) => {
    const skewOf = (id: string) => mesh.member(id).gossip?.time.skewMs();
    mesh.member('n2').clock.jumpWall(-10 * MINUTE_MS);
    await mesh.clock.advance(3000);
    assert.deepEqual([skewOf('n0'), skewOf('n1')], [undefined, undefined]);
    assert.ok((skewOf('n2') ?? 0) < -9 * MINUTE_MS);
    // It still takes what the others stamp, which its own clock calls the future.
    await mesh.deploy('n0', 'f', 'x');
    await mesh.until('the deploy', () => mesh.tablesAgree('function/'), 1000);
  }));

const incarnationOf = (mesh: SimulatedMesh, observer: string, id: string) =>
  mesh.memberSeenBy(observer, id)?.incarnation;

async function withTwin(
  mesh: SimulatedMesh,
): Promise<{ old: Gossip; young: Gossip; before: { address: string; incarnation: number } }> {
  const old = mesh.member('n2').gossip as Gossip;
  const { address, incarnation } = mesh.memberSeenBy('n0', 'n2') ?? assert.fail();
  await mesh.clock.advance(1000);
  mesh.twin('n2b', 'n2');
  const { gossip: young } = await mesh.speak('n2b');
  await mesh.until('the young to wait', () => young.idState.kind === 'waiting', 2000);
  return { old, young, before: { address, incarnation } };
}

test('a second process with one id waits without disturbing the first, and takes over when that drains', () =>
  forSeeds(SEEDS, (seed) =>
    inMesh(seed, async (mesh) => {
      const { old, young, before } = await withTwin(mesh);
      await mesh.deploy('n0', 'meanwhile', 'x');
      await mesh.clock.advance(10_000);
      assert.ok(young.table.list('function/').length === 1, 'it learns while it waits');
      for (const id of ['n0', 'n1']) {
        assert.equal(mesh.memberSeenBy(id, 'n2')?.address, before.address);
        assert.equal(incarnationOf(mesh, id, 'n2'), before.incarnation);
      }
      assert.ok(isHeldBy(mesh, ['n0', 'n1', 'n2'], 'n2', old.process));
      // The old one says that it drains, ends its work, and goes.
      await mesh.member('n2').writer?.announce();
      old.yieldId();
      const taken = () => isHeldBy(mesh, ['n0', 'n1', 'n2b'], 'n2', young.process);
      await mesh.until('the take-over', taken, 5000);
      // What the old one still says is not heard any more.
      await mesh.member('n2').writer?.announce();
      const leaving = old.leave();
      await mesh.clock.advance(500);
      await leaving;
      await mesh.kill('n2');
      await mesh.clock.advance(10_000);
      assert.ok(taken(), 'it stays so');
      for (const id of ['n0', 'n1']) {
        assert.equal(mesh.memberSeenBy(id, 'n2')?.address, 'n2b:7400');
        assert.equal(mesh.stateOf(id, 'n2'), 'alive');
      }
      assert.equal(mesh.member('n2b').writer?.isHeld, true);
    }),
  ));

test('it takes over from one that was killed or left, and gives up on one that stays', () =>
  forSeeds(SEEDS, (seed) =>
    inMesh(seed, async (mesh) => {
      const { old, young } = await withTwin(mesh);
      if (seed % 3 === 0) {
        await mesh.until('patience to end', () => young.idState.kind === 'lost', 31_000);
        assert.ok(isHeldBy(mesh, ['n0', 'n1'], 'n2', old.process));
        return;
      }
      if (seed % 3 === 1) {
        const leaving = old.leave();
        await mesh.clock.advance(200);
        await leaving;
      }
      await mesh.kill('n2');
      const taken = () => isHeldBy(mesh, ['n0', 'n1', 'n2b'], 'n2', young.process);
      await mesh.until('the take-over', taken, 5000);
      await mesh.until('it to be seen alive', () => mesh.stateOf('n0', 'n2') === 'alive', 1000);
    }),
  ));

test('two that start at once, or meet when a split heals: the younger gives way', () =>
  forSeeds(SEEDS, (seed) =>
    inMesh(seed, async (mesh) => {
      const old = mesh.member('n2').gossip as Gossip;
      mesh.twin('n2b', 'n2');
      mesh.member('n2b').seeds = ['n1:7400'];
      mesh.network.cut(mesh.addresses(['n1', 'n2b']), mesh.addresses(['n0', 'n2']));
      await mesh.clock.advance(1000);
      const { gossip: young } = await mesh.speak('n2b');
      await mesh.until('both to have it', () => young.idState.kind === 'held', 10_000);
      mesh.network.heal();
      await mesh.until('the younger to see it', () => young.idState.kind === 'waiting', 20_000);
      const settled = () =>
        old.idState.kind === 'held' &&
        isHeldBy(mesh, ['n0', 'n1', 'n2'], 'n2', old.process) &&
        mesh.memberSeenBy('n1', 'n2')?.address === 'n2:7400';
      await mesh.until('the older to have it again', settled, 10_000);
    }),
  ));
