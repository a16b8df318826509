import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@popmesh/simulation';
import fc from 'fast-check';
import { parseGossipConfig } from './config.ts';
import { Dissemination } from './dissemination.ts';
import { type Member, overrides } from './member.ts';
import { Membership } from './membership.ts';
import { Seeds } from './seeds.ts';
import { Suspicion } from './suspicion.ts';
import { fromUpdate, toUpdate } from './wire.ts';

const config = parseGossipConfig({ profile: 'local' });

const member = (id: string, over: Partial<Member> = {}): Member => ({
  id,
  role: 'node',
  address: `${id}:1`,
  pop: 'fra',
  state: 'alive',
  incarnation: 1,
  ...over,
});

const newMembership = () => new Membership(member('me'), config, new SeededRandom(1));

const statements = fc.array(
  fc
    .record({
      id: fc.constantFrom('a', 'b', 'me'),
      state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
      incarnation: fc.integer({ min: 1, max: 5 }),
    })
    .map(({ id, ...over }) => member(id, over as Partial<Member>)),
  { maxLength: 15 },
);

test('statements about known members merge to the same view in any order', () => {
  const arranged = statements.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  fc.assert(
    fc.property(arranged, ([list, other]) => {
      const views = [list, other].map((order) => {
        const membership = newMembership();
        membership.receive([member('a', { incarnation: 0 }), member('b', { incarnation: 0 })], 0);
        for (const statement of order) membership.receive([statement], 0);
        return ['a', 'b'].map((id) => membership.get(id));
      });
      assert.deepEqual(views[0], views[1]);
    }),
  );
});

test('self is never believed anything but alive, and always above what is said of it', () => {
  fc.assert(
    fc.property(statements, (list) => {
      const membership = newMembership();
      membership.receive(list, 0);
      const { self } = membership;
      assert.equal(self.state, 'alive');
      for (const said of list.filter((one) => one.id === 'me' && one.state !== 'alive')) {
        assert.ok(!overrides(said, self), `${said.state}@${said.incarnation} beats us`);
      }
    }),
  );
});

test('a rival with our id is outbid, but once a second only', () => {
  const membership = newMembership();
  for (let nowMs = 0; nowMs <= 3000; nowMs += 10) {
    const { incarnation } = membership.self;
    membership.receive([member('me', { address: 'elsewhere:1', incarnation })], nowMs);
  }
  assert.equal(membership.self.incarnation, 5);
});

test('an unknown death is no news, and implausible statements are not looked at', () => {
  const membership = newMembership();
  membership.receive(
    [
      member('ghost', { state: 'dead' }),
      member('gone', { state: 'left' }),
      member('', {}),
      member('x'.repeat(200)),
      member('far', { incarnation: 2 ** 52 }),
      member('nowhere', { address: '' }),
    ],
    0,
  );
  assert.deepEqual(membership.members(), [member('me')]);
});

test('every member is probed within two rounds', () => {
  const membership = newMembership();
  const ids = ['a', 'b', 'c', 'd'];
  membership.receive(
    ids.map((id) => member(id)),
    0,
  );
  const probed: string[] = [];
  for (let nowMs = 0; probed.length < 12; nowMs += config.tickMs) {
    for (const probe of membership.tick(nowMs)) {
      probed.push(probe.target.id);
      membership.finishProbe(
        probe,
        { outcome: 'direct', refused: false, relaysAnswered: false },
        nowMs,
      );
    }
  }
  for (let i = 0; i < 12; i += 4) assert.deepEqual(probed.slice(i, i + 4).sort(), ids);
});

test('our own failed probes shorten a suspicion, poor health and freezes lengthen it', () => {
  const terms = { multiplier: 6, stretch: 3, probeIntervalMs: 500 };
  const fresh = () => new Suspicion(terms, 5, 0);
  const endOf = (suspicion: Suspicion, health = 1, frozenMs = 0) => {
    let nowMs = 0;
    while (!suspicion.expired(nowMs, health, frozenMs)) nowMs += 100;
    return nowMs;
  };
  assert.equal(endOf(fresh()), 9000);
  const confirmed = fresh();
  confirmed.confirm();
  confirmed.confirm();
  assert.equal(endOf(confirmed), 3000);
  assert.equal(endOf(confirmed, 9), 6000);
  assert.equal(endOf(confirmed, 1, 700), 3700);
  confirmed.doubt();
  assert.equal(endOf(confirmed), 9000);
});

test('a rumour stops when all hold it, or after its rounds; updates after their tellings', () => {
  const dissemination = new Dissemination(new SeededRandom(3));
  const others = ['a', 'b', 'c', 'd', 'e'].map((id) => member(id));
  const bytes = new Uint8Array(10);
  const record = { key: 'k', revision: 1n, payload: bytes, envelope: bytes };
  dissemination.addRecord(record);
  dissemination.markHolder('k', 1n, 'a');
  const first = dissemination.round(others, 3);
  assert.equal(first.length, 3);
  assert.ok(first.every((push) => push.target.id !== 'a'));
  for (const push of first) dissemination.markHolder('k', 1n, push.target.id);
  const second = dissemination.round(others, 3);
  assert.equal(second.length, 1, 'only one lacks it');
  for (const push of second) dissemination.markHolder('k', 1n, push.target.id);
  dissemination.round(others, 3);
  assert.equal(dissemination.pendingRecords, 0);

  dissemination.addRecord({ ...record, revision: 2n });
  let rounds = 0;
  while (dissemination.pendingRecords > 0 && rounds++ < 100) dissemination.round(others, 3);
  assert.ok(rounds < 10, 'and it ends when nobody ever acknowledges');

  dissemination.addUpdate(member('a'));
  let tellings = 0;
  while (dissemination.takeUpdates(5).length > 0) tellings += 1;
  assert.equal(tellings, 9);
});

test('a busy member is not pushed to, and its rumour waits for it', () => {
  const dissemination = new Dissemination(new SeededRandom(3));
  const bytes = new Uint8Array(10);
  dissemination.addRecord({ key: 'k', revision: 1n, payload: bytes, envelope: bytes });
  dissemination.markHolder('k', 1n, 'a');
  const both = [member('a'), member('b')];
  assert.deepEqual(dissemination.round(both, 3, new Set(['b'])), []);
  assert.deepEqual(
    dissemination.round(both, 3).map((push) => push.target.id),
    ['b'],
  );
});

test('a full rumour queue drops its oldest', () => {
  const dissemination = new Dissemination(new SeededRandom(3));
  const envelope = new Uint8Array(400_000);
  for (let i = 0; i < 60; i++) {
    dissemination.addRecord({ key: `k${i}`, revision: 1n, payload: envelope, envelope });
  }
  assert.ok(dissemination.dropped > 0);
  assert.equal(dissemination.dropped + dissemination.pendingRecords, 60);
});

test('seeds back off while missed and rest while their member lives', () => {
  const seeds = new Seeds(
    ['s', 's'],
    { seedRetryMinMs: 100, seedRetryMaxMs: 1000 },
    new SeededRandom(1),
  );
  const calls: number[] = [];
  for (let nowMs = 0; nowMs < 20_000; nowMs += 10) {
    for (const address of seeds.due(nowMs, () => false)) {
      calls.push(nowMs);
      seeds.missed(address, nowMs);
    }
  }
  const gaps = calls.slice(1).map((at, i) => at - (calls[i] as number));
  assert.ok((gaps[0] as number) <= 110);
  assert.ok(gaps.every((gap) => gap <= 1010));
  assert.ok(gaps.slice(5).every((gap) => gap >= 740));
  assert.deepEqual(
    seeds.due(30_000, () => false),
    ['s'],
  );
  seeds.reached('s', 'n1', 30_000);
  assert.deepEqual(
    seeds.due(60_000, (id) => id === 'n1'),
    [],
  );
  assert.deepEqual(
    seeds.due(60_000, () => false),
    ['s'],
  );
});

test('members cross the wire unchanged, and unknown words are dropped', () => {
  const one = member('gw', { role: 'gateway', state: 'left', incarnation: 77 });
  const update = toUpdate(one);
  assert.deepEqual(fromUpdate(update as never), one);
  assert.equal(fromUpdate({ ...update, state: 99 } as never), undefined);
  assert.equal(fromUpdate({ ...update, incarnation: 2n ** 60n } as never), undefined);
});

test('a profile is a set of defaults, unknown keys are refused', () => {
  assert.equal(parseGossipConfig().probeIntervalMs, 500);
  const given = parseGossipConfig({ profile: 'local', probeIntervalMs: 300 });
  assert.equal(given.probeIntervalMs, 300);
  assert.equal(given.suspicionMultiplier, 8);
  assert.deepEqual(parseGossipConfig(given), given);
  assert.throws(() => parseGossipConfig({ probeEveryMs: 1 } as never), { code: 'invalid_config' });
});
