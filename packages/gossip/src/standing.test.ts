import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@popmesh/contracts';
import { VirtualClock } from '@popmesh/simulation';
import { FailureLog } from './failure-log.ts';
import { IdClaim, type IdState } from './id-claim.ts';
import { MeshTime } from './mesh-time.ts';
import { Readiness } from './readiness.ts';
import { ALONE_AFTER_MS, Standing } from './standing.ts';

/** Each part by itself; together they are in one-id.simulation.test.ts. */

const MINUTE_MS = 60_000;
const LIMIT_MS = 5 * MINUTE_MS;

function timeWith(aheadOfUsMs: readonly number[]) {
  const clock = new VirtualClock();
  const time = new MeshTime(clock, LIMIT_MS);
  for (const [i, ms] of aheadOfUsMs.entries()) time.note(`m${i}`, clock.now() + ms, 0, 0);
  return { clock, time };
}

test('a clock is overruled by one that is behind it, or by two that are ahead', () => {
  const far = 10 * MINUTE_MS;
  const cases: [others: number[], aheadMs: number | undefined, skewMs: number | undefined][] = [
    [[], undefined, undefined],
    [[-far], far, far],
    [[far], -far, undefined],
    [[far, far], -far, -far],
    [[far, 0], 0, undefined],
    [[-far, 0], 0, undefined],
    [[-far, -far, 0], far, far],
    [[-LIMIT_MS], LIMIT_MS, undefined],
    [[-LIMIT_MS - 1], LIMIT_MS + 1, LIMIT_MS + 1],
  ];
  for (const [others, aheadMs, skewMs] of cases) {
    const { time, clock } = timeWith(others);
    assert.deepEqual([time.aheadMs(), time.skewMs()], [aheadMs, skewMs], `${others}`);
    assert.equal(time.now(), clock.now() - (skewMs ?? 0));
  }
});

test('half of the round trip is taken off, a version that does not tell is not heard', async () => {
  const { time, clock } = timeWith([]);
  await clock.advance(400);
  time.note('a', clock.now() - 200, 0, 400);
  assert.equal(time.aheadMs(), 0);
  time.note('b', 0, 0, 400);
  assert.equal(time.aheadMs(), 0);
});

test('what answered long ago counts only while nobody answered lately', async () => {
  const { time, clock } = timeWith([-10 * MINUTE_MS]);
  await clock.advance(2 * MINUTE_MS);
  assert.equal(time.skewMs(), 10 * MINUTE_MS, 'alone it stays overruled');
  time.note('b', clock.now(), clock.monotonic(), clock.monotonic());
  assert.equal(time.skewMs(), undefined);
});

const claimOf = (alone = false) =>
  new IdClaim({ process: 5n, startedAtMs: 1000, waitMs: 30_000, checkEveryMs: 500 }, alone, 0);
const other = (over: object = {}) =>
  ({ kind: 'other', process: 1n, startedAtMs: 10, yields: false, ...over }) as const;

test('an id is free when the mesh says so, or says nothing; and at once where there is none', () => {
  assert.equal(claimOf(true).state.kind, 'held');
  const asked = claimOf();
  asked.answered(10);
  assert.equal(asked.state.kind, 'held');
  const unanswered = claimOf();
  unanswered.tick(2999);
  assert.equal(unanswered.state.kind, 'asking');
  unanswered.tick(3000);
  assert.equal(unanswered.state.kind, 'held');
});

test('who asks gives way to any other, who has it to an older one only', () => {
  for (const [rival, asking, holding] of [
    [other(), 'waiting', 'waiting'],
    [other({ startedAtMs: 2000 }), 'waiting', 'held'],
    [other({ startedAtMs: 1000, process: 4n }), 'waiting', 'waiting'],
    [other({ startedAtMs: 1000, process: 6n }), 'waiting', 'held'],
    [other({ yields: true }), 'held', 'held'],
    [{ kind: 'nobody' }, 'held', 'held'],
    [{ kind: 'ours' }, 'held', 'held'],
  ] as const) {
    for (const [claim, after] of [
      [claimOf(), asking],
      [claimOf(true), holding],
    ] as const) {
      claim.heard('x:1', 0);
      claim.answered(0);
      assert.deepEqual(claim.tick(0), ['x:1']);
      claim.checked('x:1', rival, 1);
      assert.equal(
        claim.state.kind,
        after,
        JSON.stringify(rival, (_, value) => String(value)),
      );
    }
  }
});

test('three silences in a row are an end, one answer in between is none; patience is bounded', () => {
  const claim = claimOf();
  claim.heard('x:1', 0);
  claim.answered(0);
  let nowMs = 0;
  const check = (outcome: Parameters<IdClaim['checked']>[1]): void => {
    nowMs += 500;
    assert.deepEqual(claim.tick(nowMs), ['x:1']);
    claim.checked('x:1', outcome, nowMs);
  };
  for (const outcome of [other(), { kind: 'silent' }, { kind: 'silent' }, other()] as const) {
    check(outcome);
    assert.equal(claim.state.kind, 'waiting');
  }
  for (let i = 0; i < 3; i++) check({ kind: 'silent' });
  assert.equal(claim.state.kind, 'held');

  const late = claimOf();
  late.heard('x:1', 0);
  late.tick(0);
  late.checked('x:1', other(), 1);
  late.tick(30_000);
  assert.equal(late.state.kind, 'waiting');
  late.tick(30_001);
  assert.equal(late.state.kind, 'lost');
  late.heard('y:1', 30_002);
  assert.deepEqual(late.tick(40_000), [], 'final');
});

test('addresses that are said to be ours are looked at eight at a time', () => {
  const claim = claimOf();
  for (let i = 0; i < 100; i++) claim.heard(`x:${i}`, 0);
  assert.equal(claim.tick(0).length, 8);
});

function memberOf(over: object = {}, mayServeAlone = true) {
  const clock = new VirtualClock();
  const facts = {
    idState: { kind: 'held' } as IdState,
    skewMs: undefined as number | undefined,
    joined: false,
    expectsOthers: true,
    held: undefined as bigint | undefined,
    isHeld: false,
    ...over,
  };
  const standing = new Standing({
    id: 'one',
    gossip: {
      get idState() {
        return facts.idState;
      },
      time: { now: () => 0, aheadMs: () => facts.skewMs, skewMs: () => facts.skewMs },
      get joined() {
        return facts.joined;
      },
      joinFailure: 'x:1: refused',
      get expectsOthers() {
        return facts.expectsOthers;
      },
      heldAnnouncement: () => facts.held,
    },
    isHeld: () => facts.isHeld,
    mustBeHeld: true,
    mayServeAlone,
    clock,
  });
  const states: string[] = [];
  const readiness = new Readiness({
    standing,
    settled: () => Promise.resolve(),
    unsettledReason: 'not all are ready',
    clock,
    logger: silentLogger,
    onChanged: () => states.push(readiness.state),
  });
  readiness.start();
  return { clock, facts, standing, readiness, states };
}

test('ready when another holds the announcement, and then only the clock and the id take it out', async () => {
  const { clock, facts, readiness, standing, states } = memberOf();
  await clock.advance(100);
  assert.match(readiness.reason ?? '', /no other member could be reached yet \(x:1: refused\)/);
  Object.assign(facts, { joined: true, held: 0n });
  await clock.advance(100);
  assert.match(readiness.reason ?? '', /no other member holds/);
  facts.isHeld = true;
  await clock.advance(100);
  await readiness.whenReady;
  Object.assign(facts, { joined: false, held: undefined, isHeld: false });
  await clock.advance(60_000);
  assert.equal(readiness.reason, undefined, 'who loses all others serves on');
  facts.skewMs = 600_000;
  await clock.advance(300);
  assert.match(readiness.reason ?? '', /600000 ms ahead of/);
  await assert.rejects(standing.mayWrite(), { code: 'clock_skewed' });
  facts.skewMs = undefined;
  await clock.advance(300);
  await standing.mayWrite();
  const rival = { address: 'x:2', process: 1n, startedAtMs: 1 };
  facts.idState = { kind: 'waiting', rival, untilMs: 0 };
  await clock.advance(300);
  assert.match(readiness.reason ?? '', /another process with the id one is alive at x:2/);
  facts.idState = { kind: 'lost', rival };
  await clock.advance(300);
  assert.equal((await readiness.whenLost).code, 'id_in_use');
  readiness.drain();
  assert.deepEqual(states, ['ready', 'not_ready', 'ready', 'not_ready']);
  assert.equal(readiness.reason, 'draining');
  assert.equal(clock.timers, 0);
});

test('whom nobody answers serves what its disk knew, after a while; an empty one never', async () => {
  const full = memberOf();
  await full.clock.advance(ALONE_AFTER_MS - 100);
  assert.equal(full.readiness.state, 'starting');
  await full.clock.advance(200);
  assert.equal(full.readiness.state, 'ready');
  const empty = memberOf({}, false);
  await empty.clock.advance(600_000);
  assert.equal(empty.readiness.state, 'starting');
  const only = memberOf({ expectsOthers: false }, false);
  await only.clock.advance(50);
  assert.equal(only.readiness.state, 'ready');
  for (const { readiness } of [full, empty, only]) readiness.stop();
});

test('a failure is told when it lasts, once a minute; another reason sooner', () => {
  const log = new FailureLog(2000);
  const told: number[] = [];
  for (let nowMs = 0; nowMs <= 130_000; nowMs += 500) {
    if (log.failed('x', nowMs < 100_000 ? 'refused' : 'expired', nowMs, nowMs)) told.push(nowMs);
  }
  assert.deepEqual(told, [2000, 62_000, 100_000]);
  assert.equal(log.recovered('x'), true);
  assert.equal(log.recovered('x'), false);
});
