import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forSeeds, SimulatedMesh } from './simulated-mesh.test-support.ts';

/** Clean-up also when the scenario fails, and the check that nothing is left when it does not. */
async function inMesh(
  options: ConstructorParameters<typeof SimulatedMesh>[0],
  scenario: (mesh: SimulatedMesh) => Promise<void>,
): Promise<void> {
  const mesh = new SimulatedMesh(options);
  try {
    await scenario(mesh);
  } catch (error) {
    await mesh.stop().catch(() => {});
    throw error;
  }
  await mesh.stop();
}

test('members find each other through one seed, and a deploy reaches all of 3 to 20 within 300 ms', () =>
  forSeeds(24, async (seed) => {
    const faults = { delayMs: 4, jitterMs: 3 };
    await inMesh({ seed, faults }, async (mesh) => {
      const count = 3 + (seed % 18);
      await mesh.grow(count);
      await mesh.until('a full view', () => mesh.membersAgree(), 3000);
      for (let i = 0; i < 3; i++) {
        await mesh.deploy(`n${mesh.random.integer(count)}`, `f${i}`, `payload ${seed}`);
        const all = () => mesh.running.every(({ gossip }) => gossip.table.size === i + 1);
        await mesh.until('the deploy everywhere', all, 300);
      }
    });
  }));

test('a split with conflicting changes heals to one winner, on every member', () =>
  forSeeds(25, async (seed) => {
    const faults = { delayMs: 10, jitterMs: 8, duplication: 0.05, loss: 0.02 };
    await inMesh({ seed, faults, config: { profile: 'local' } }, async (mesh) => {
      const count = 5 + (seed % 4);
      await mesh.grow(count);
      await mesh.until('a full view', () => mesh.membersAgree(), 20_000);
      const ids = [...mesh.members.keys()];
      const [left, right] = [ids.slice(0, 2), ids.slice(2)];
      mesh.network.cut(mesh.addresses(left), mesh.addresses(right));
      // Some before either side noticed, some after.
      await mesh.deploy('n0', 'conflict', 'left early');
      await mesh.deploy('n3', 'conflict', 'right early');
      // A tie: the same revision, different content.
      const tie = mesh.member('n0').hybrid.next();
      const key = 'function/default/tie';
      await mesh.table('n0').apply(mesh.seal('n0', key, 'left tie', tie), 'local');
      await mesh.table('n3').apply(mesh.seal('n3', key, 'right tie', tie), 'local');
      await mesh.clock.advance(mesh.random.integer(20_000));
      await mesh.deploy('n1', 'conflict', 'left late');
      await mesh.deploy('n4', 'conflict', 'right late');
      await mesh.deploy('n2', 'only-right', 'x');
      mesh.network.heal();
      await mesh.until(
        'one view and one table',
        () => mesh.membersAgree() && mesh.tablesAgree(),
        30_000,
      );
      assert.equal(mesh.table('n0').list('function/').length, 3);
    });
  }));

test('at 10 % loss and 100 ± 50 ms nobody is ever believed dead', () =>
  forSeeds(10, async (seed) => {
    const faults = { delayMs: 100, jitterMs: 50, loss: 0.1 };
    await inMesh({ seed, faults }, async (mesh) => {
      await mesh.grow(5);
      await mesh.until('a full view', () => mesh.membersAgree(), 30_000);
      await mesh.clock.advance(60_000);
      for (const { member } of mesh.running) {
        const dead = [...member.beliefs].filter((belief) => belief.endsWith(':dead'));
        assert.deepEqual(dead, [], `${member.id} believed them dead`);
      }
    });
  }));

test('a killed member is found dead, restarts with a higher incarnation, and is alive again in 2 s', () =>
  forSeeds(30, async (seed) => {
    const faults = { delayMs: 1, jitterMs: 1 };
    await inMesh({ seed, faults, config: { profile: 'local' } }, async (mesh) => {
      await mesh.grow(3 + (seed % 3));
      await mesh.until('a full view', () => mesh.membersAgree(), 3000);
      await mesh.deploy('n1', 'before', 'x');
      await mesh.clock.advance(500);
      const was = mesh.memberSeenBy('n0', 'n2')?.incarnation ?? 0;
      await mesh.kill('n2');
      const others = () => mesh.running.map(({ member }) => member.id);
      const gone = () => others().every((id) => mesh.stateOf(id, 'n2') === 'dead');
      await mesh.until('n2 dead everywhere', gone, 3200);
      await mesh.deploy('n1', 'while-away', 'x');
      await mesh.clock.advance(mesh.random.integer(5000));
      const restarted = await mesh.start('n2');
      assert.ok((restarted.members()[0]?.incarnation ?? 0) > was, 'kept on disk');
      await mesh.until('n2 back everywhere', () => mesh.membersAgree(), 2000);
      await mesh.until('n2 up to date', () => mesh.tablesAgree(), 1000);
      assert.ok((mesh.memberSeenBy('n0', 'n2')?.incarnation ?? 0) > was);
      await mesh.clock.advance(5000);
      assert.ok(mesh.membersAgree(), 'it stays so');
    });
  }));

test('a member whose disk was wiped is alive again all the same', () =>
  forSeeds(10, async (seed) => {
    await inMesh({ seed, config: { profile: 'local' } }, async (mesh) => {
      await mesh.grow(3);
      await mesh.until('a full view', () => mesh.membersAgree(), 3000);
      for (let i = 0; i < 2; i++) {
        await mesh.kill('n2');
        await mesh.clock.advance(200);
        await mesh.start('n2');
      }
      const incarnation = mesh.memberSeenBy('n0', 'n2')?.incarnation ?? 0;
      await mesh.kill('n2');
      await mesh.clock.advance(4000);
      mesh.members.delete('n2');
      mesh.add('n2', ['n0:7400']);
      await mesh.start('n2');
      await mesh.until('n2 back everywhere', () => mesh.membersAgree(), 2000);
      assert.ok((mesh.memberSeenBy('n0', 'n2')?.incarnation ?? 0) > incarnation);
    });
  }));

test('one that said good-bye is never suspected', () =>
  forSeeds(20, async (seed) => {
    await inMesh({ seed, config: { profile: 'local' } }, async (mesh) => {
      await mesh.grow(5);
      await mesh.until('a full view', () => mesh.membersAgree(), 3000);
      const leaving = mesh.member('n3').gossip?.leave();
      await mesh.clock.advance(50);
      await leaving;
      const rest = ['n0', 'n1', 'n2', 'n4'];
      assert.ok(rest.every((id) => mesh.stateOf(id, 'n3') === 'left'));
      await mesh.kill('n3');
      await mesh.clock.advance(10_000);
      for (const id of rest) {
        assert.equal(mesh.stateOf(id, 'n3'), 'left');
        assert.ok(!mesh.member(id).beliefs.has('n3:suspect'));
      }
      await mesh.start('n3');
      await mesh.until('n3 back', () => mesh.membersAgree(), 2000);
    });
  }));

test('an event loop that froze for 2 s is not declared dead, and accuses nobody', () =>
  forSeeds(20, async (seed) => {
    for (const profile of ['wan', 'local'] as const) {
      const faults = { delayMs: 2, jitterMs: 1 };
      await inMesh({ seed, faults, config: { profile } }, async (mesh) => {
        await mesh.grow(5);
        await mesh.until('a full view', () => mesh.membersAgree(), 5000);
        await mesh.clock.advance(mesh.random.integer(1000));
        mesh.member('n1').clock.stall(2000);
        await mesh.clock.advance(10_000);
        assert.ok(mesh.membersAgree());
        for (const { member } of mesh.running) {
          assert.ok(![...member.beliefs].some((belief) => belief.endsWith(':dead')), member.id);
          if (member.id === 'n1') {
            assert.ok(![...member.beliefs].some((belief) => belief.endsWith(':suspect')));
          }
        }
      });
    }
  }));

test('a one-way cut between two does not kill either', () =>
  forSeeds(20, async (seed) => {
    await inMesh({ seed, config: { profile: 'local' } }, async (mesh) => {
      await mesh.grow(5);
      await mesh.until('a full view', () => mesh.membersAgree(), 3000);
      mesh.network.cutOneWay(mesh.addresses(['n1']), mesh.addresses(['n2']));
      await mesh.clock.advance(20_000);
      for (const { member } of mesh.running) {
        // The others reach it for them, so that there is not even a suspicion.
        assert.ok(![...member.beliefs].some((belief) => !belief.endsWith(':alive')), member.id);
      }
    });
  }));

test('two that are left alone: the one that froze does not accuse the other', () =>
  forSeeds(50, async (seed) => {
    // Half of the time a probe is under way, and there is no relay to ask.
    const faults = { delayMs: 60, jitterMs: 10 };
    await inMesh({ seed, faults, config: { profile: 'local' } }, async (mesh) => {
      await mesh.grow(2);
      await mesh.until('a full view', () => mesh.membersAgree(), 5000);
      await mesh.clock.advance(mesh.random.integer(1000));
      mesh.member('n1').clock.stall(2000);
      await mesh.clock.advance(10_000);
      assert.ok(mesh.membersAgree());
      assert.ok(!mesh.member('n1').beliefs.has('n0:suspect'));
    });
  }));

test('a split heals without the help of a seed', () =>
  forSeeds(20, async (seed) => {
    await inMesh({ seed, config: { profile: 'local' } }, async (mesh) => {
      await mesh.grow(5);
      await mesh.until('a full view', () => mesh.membersAgree(), 5000);
      await mesh.kill('n0');
      mesh.network.cut(mesh.addresses(['n1', 'n2']), mesh.addresses(['n3', 'n4']));
      await mesh.clock.advance(30_000);
      assert.equal(mesh.stateOf('n1', 'n3'), 'dead');
      await mesh.deploy('n1', 'left', 'x');
      await mesh.deploy('n4', 'right', 'x');
      mesh.network.heal();
      await mesh.until('one mesh', () => mesh.membersAgree() && mesh.tablesAgree(), 10_000);
    });
  }));

test('a seed that is down is tried for ever', () =>
  forSeeds(10, async (seed) => {
    await inMesh({ seed }, async (mesh) => {
      mesh.add('n0', []);
      mesh.add('n1', ['n0:7400']);
      const gossip = await mesh.start('n1');
      await mesh.clock.advance(120_000);
      assert.equal(gossip.joined, false);
      await mesh.start('n0');
      await mesh.until('the join', () => mesh.membersAgree() && gossip.joined, 11_000);
    });
  }));

test('without its seed a restarted member finds the others from its disk', () =>
  forSeeds(10, async (seed) => {
    await inMesh({ seed }, async (mesh) => {
      await mesh.grow(4);
      await mesh.until('a full view', () => mesh.membersAgree(), 3000);
      await mesh.announce('n1', 'hello');
      // The member list and the announcements are saved within 5 s.
      await mesh.clock.advance(6000);
      await mesh.kill('n3');
      await mesh.kill('n0');
      await mesh.clock.advance(20_000);
      await mesh.deploy('n1', 'new', 'x');
      const back = await mesh.start('n3');
      assert.ok(back.table.get('node/n1'), 'last known announcements are there at once');
      assert.ok(back.members().length >= 3, 'and so are the members');
      await mesh.until(
        'n3 in',
        () => mesh.tablesAgree() && mesh.stateOf('n1', 'n3') === 'alive',
        2000,
      );
      await mesh.until('n0 dead for n3', () => mesh.stateOf('n3', 'n0') === 'dead', 30_000);
    });
  }));

test('announcements of the dead go after a while and do not come back', () =>
  forSeeds(5, async (seed) => {
    const config = { profile: 'local', announcementKeepMs: 20_000, syncIntervalMs: 1000 } as const;
    await inMesh({ seed, config }, async (mesh) => {
      await mesh.grow(4);
      await mesh.until('a full view', () => mesh.membersAgree(), 3000);
      for (const id of ['n1', 'n3']) await mesh.announce(id, 'here');
      await mesh.clock.advance(1000);
      await mesh.kill('n3');
      await mesh.clock.advance(10_000);
      assert.ok(mesh.table('n0').get('node/n3'));
      await mesh.clock.advance(20_000);
      for (let i = 0; i < 20; i++) {
        await mesh.clock.advance(500);
        for (const { gossip } of mesh.running) assert.equal(gossip.table.get('node/n3'), undefined);
      }
      assert.ok(mesh.table('n0').get('node/n1'));
      await mesh.start('n3');
      await mesh.announce('n3', 'again');
      await mesh.until(
        'n3 heard again',
        () => mesh.tablesAgree() && mesh.table('n0').get('node/n3') !== undefined,
        3000,
      );
    });
  }));

test('churn: members come and go, records keep coming, all agree in the end', () =>
  forSeeds(20, async (seed) => {
    const faults = { delayMs: 5, jitterMs: 4, loss: 0.03, duplication: 0.03 };
    await inMesh({ seed, faults, config: { profile: 'local' } }, async (mesh) => {
      const count = 6 + (seed % 5);
      await mesh.grow(count);
      await mesh.clock.advance(2000);
      for (let step = 0; step < 15; step++) {
        const id = `n${mesh.random.integer(count)}`;
        if (mesh.member(id).gossip === undefined) await mesh.start(id);
        else if (mesh.random.float() < 0.4) await mesh.kill(id);
        else await mesh.deploy(id, `f${mesh.random.integer(5)}`, `step ${step}`);
        await mesh.clock.advance(mesh.random.integer(1500));
      }
      for (const [id, member] of mesh.members)
        if (member.gossip === undefined) await mesh.start(id);
      await mesh.until('agreement', () => mesh.membersAgree() && mesh.tablesAgree(), 20_000);
    });
  }));

test('the same seed gives the same run', async () => {
  const run = async (): Promise<string> => {
    let print = '';
    await inMesh({ seed: 42, faults: { delayMs: 20, jitterMs: 15, loss: 0.1 } }, async (mesh) => {
      await mesh.grow(6);
      await mesh.deploy('n2', 'f', 'x');
      await mesh.clock.advance(10_000);
      print = JSON.stringify([
        mesh.network.counts,
        mesh.running.map(({ gossip }) => gossip.members()),
      ]);
    });
    return print;
  };
  assert.equal(await run(), await run());
});
