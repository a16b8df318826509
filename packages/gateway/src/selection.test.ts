import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Random } from '@popmesh/contracts';
import { create, NodeAnnouncementSchema } from '@popmesh/protocol';
import fc from 'fast-check';
import type { FunctionEntry } from './directory.ts';
import type { Endpoint } from './endpoint.ts';
import { EndpointHealth } from './endpoint-health.ts';
import { PRESSURE_MAX, Pressure, spillShare } from './pressure.ts';
import { RetryBudget } from './retry-budget.ts';
import { mayRetry, needsBudget } from './retry-policy.ts';
import { choose } from './selection.ts';
import { clientPlace, Topology } from './topology.ts';

/** A generator that repeats (xorshift), so that shares can be asserted. */
function seeded(seed: number): Random {
  let state = seed | 1;
  const float = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  return {
    float,
    integer: (below) => Math.floor(float() * below),
    bytes: (length) => new Uint8Array(length),
  };
}

const TIMES = { probeIntervalMs: 250, backoffMaxMs: 30_000 };
const PLACES: Readonly<Record<string, [region: string, latitude: number, longitude: number]>> = {
  fra: ['eu', 50.1, 8.7],
  ams: ['eu', 52.4, 4.9],
  nrt: ['ap', 35.8, 140.4],
  iad: ['us', 38.9, -77.4],
};
const ENTRY: FunctionEntry = {
  id: 'default/f',
  namespace: 'default',
  revision: 2n,
  timeoutMs: 1000,
  requestBodyBytesMax: 1,
  regions: [],
  routes: [],
};

class World {
  readonly random = seeded(42);
  readonly retired: Endpoint[] = [];
  readonly topology = new Topology(TIMES, this.random, (endpoint) => this.retired.push(endpoint));
  readonly tried: Endpoint[] = [];
  readonly client = clientPlace({ latitude: 52.5, longitude: 13.4 }, 'DE');

  node(
    id: string,
    extra: { state?: string; revision?: bigint; load?: number; started?: bigint } = {},
  ) {
    const pop = id.split('-')[0] as string;
    const [region, latitude, longitude] = PLACES[pop] as [string, number, number];
    this.topology.apply(
      {
        member: 'alive',
        announcement: create(NodeAnnouncementSchema, {
          id,
          pop,
          region,
          latitude,
          longitude,
          state: extra.state ?? 'ready',
          load: extra.load ?? 0,
          startedAtMs: extra.started ?? 1n,
          dataPlanes: [{ namespace: 'default', address: `${id}:1` }],
          ready: [{ function: 'default/f', revision: extra.revision ?? 2n }],
        }),
      },
      0,
    );
    return this.endpoint(id);
  }

  endpoint(id: string): Endpoint {
    for (const endpoint of this.topology.endpoints()) if (endpoint.node.id === id) return endpoint;
    throw new Error(id);
  }

  choose(now = 0, entry = ENTRY) {
    return choose({
      ranked: this.topology.ranked(this.client),
      candidates: this.topology.candidates(entry),
      tried: this.tried,
      now,
      random: this.random,
      inFlightMax: 10,
    });
  }

  id(now = 0): string | undefined {
    return this.choose(now)?.endpoint.node.id;
  }

  shares(times: number, now = 0): Record<string, number> {
    const out: Record<string, number> = {};
    for (let i = 0; i < times; i++) {
      const id = this.id(now) ?? 'nobody';
      out[id] = (out[id] ?? 0) + 1 / times;
    }
    return out;
  }
}

test('nearest, then the region, then the world; the reason is told', () => {
  const world = new World();
  const [ams, nrt, fra] = [world.node('ams-1'), world.node('nrt-1'), world.node('fra-1')];
  assert.deepEqual([world.id(), world.choose()?.route], ['fra-1', 'nearest']);
  fra.health.fail(0);
  assert.deepEqual([world.id(), world.choose()?.route], ['ams-1', 'failover']);
  ams.inFlight = 10;
  fra.health.restarted();
  fra.inFlight = 10;
  assert.deepEqual([world.id(), world.choose()?.route], ['nrt-1', 'spill']);
  nrt.inFlight = 10;
  assert.equal(world.id(), undefined, 'all full is overload, not panic');
});

test('a PoP where the function is not ready is not a failure', () => {
  const world = new World();
  world.node('fra-1', { revision: 1n });
  world.node('ams-1');
  assert.deepEqual([world.id(), world.choose()?.route], ['ams-1', 'nearest']);
  world.endpoint('ams-1').health.fail(0);
  assert.equal(world.id(), 'fra-1', 'last known good before a dead one');
});

test('two random choices: the busier of two gets little, and the idle one most', () => {
  const world = new World();
  world.node('fra-1').inFlight = 5;
  world.node('fra-2');
  world.node('fra-3');
  const shares = world.shares(2000);
  assert.ok((shares['fra-1'] ?? 0) < 0.05, JSON.stringify(shares));
  assert.ok((shares['fra-2'] ?? 0) > 0.25 && (shares['fra-3'] ?? 0) > 0.25, JSON.stringify(shares));
});

test('utilisation above 80 % leaves in proportion, and never all', () => {
  const world = new World();
  world.node('fra-1', { load: 0.9 });
  world.node('ams-1');
  const half = world.shares(4000);
  assert.ok(Math.abs((half['fra-1'] ?? 0) - 0.5) < 0.05, JSON.stringify(half));
  world.node('fra-1', { load: 1 });
  const full = world.shares(4000);
  assert.ok((full['fra-1'] ?? 0) > 0.02 && (full['fra-1'] ?? 0) < 0.08, JSON.stringify(full));
  world.node('ams-1', { load: 1 });
  assert.ok(world.choose() !== undefined, 'busy everywhere still serves');
});

test('draining leaves at once, and serves only when nobody else is there', () => {
  const world = new World();
  world.node('fra-1', { state: 'draining' });
  world.node('nrt-1');
  assert.equal(world.id(), 'nrt-1');
  world.endpoint('nrt-1').health.fail(0);
  assert.equal(world.id(), 'nrt-1', 'an ejected one may be well again');
  world.tried.push(world.endpoint('nrt-1'));
  assert.equal(world.id(), 'fra-1');
});

test('a restart or a new address clears what was held against a node', () => {
  const world = new World();
  const first = world.node('fra-1');
  first.health.fail(0);
  first.health.probed('silent', 1);
  assert.equal(world.id(), undefined, 'confirmed dead is not even the last resort');
  world.node('fra-1', { started: 2n });
  assert.equal(world.id(), 'fra-1');
  world.topology.remove('fra-1');
  assert.deepEqual(world.retired, [first]);
  assert.equal(world.id(), undefined);
});

test('whatever the state: nobody is chosen twice, and somebody while one is usable', () => {
  const node = fc.record({
    pop: fc.constantFrom('fra', 'ams', 'nrt', 'iad'),
    failed: fc.boolean(),
    state: fc.constantFrom('ready', 'draining'),
    revision: fc.constantFrom(1n, 2n),
    load: fc.double({ min: 0, max: 1, noNaN: true }),
    inFlight: fc.integer({ min: 0, max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(node, { minLength: 1, maxLength: 6 }), (nodes) => {
      const world = new World();
      for (const [i, { pop, failed, inFlight, ...extra }] of nodes.entries()) {
        const endpoint = world.node(`${pop}-${i}`, extra);
        endpoint.inFlight = inFlight;
        if (failed) endpoint.health.fail(0);
      }
      let sawLastResort = false;
      for (let i = 0; i <= nodes.length; i++) {
        const choice = world.choose();
        if (choice === undefined) break;
        const { endpoint } = choice;
        assert.ok(!world.tried.includes(endpoint));
        assert.ok(endpoint.inFlight < 10);
        const healthy = endpoint.health.available && !endpoint.node.lastResort;
        assert.ok(healthy ? !sawLastResort : true, 'the healthy come first');
        sawLastResort ||= !healthy;
        world.tried.push(endpoint);
      }
      const usable = [...world.topology.endpoints()].filter(({ inFlight }) => inFlight < 10);
      assert.equal(world.tried.length, usable.length);
    }),
  );
});

test('health: out at once, back by one probe, longer out when it flaps', () => {
  const health = new EndpointHealth(TIMES, { ...seeded(1), float: () => 0.5 });
  assert.equal(health.fail(1000), true);
  assert.equal(health.fail(1001), false, 'a burst of resets is one fall');
  assert.equal(health.nextProbeAt, 1250);
  health.probed('alive', 1250);
  assert.equal(health.state, 'healthy');
  let now = 1300;
  for (const holdMs of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    health.fail(now);
    health.probed('alive', now + holdMs - 1);
    assert.equal(health.state, 'ejected', `held for ${holdMs}`);
    health.probed('alive', now + holdMs);
    assert.equal(health.state, 'healthy');
    now += holdMs + 10;
  }
  health.fail(now + 70_000);
  health.probed('alive', now + 70_250);
  assert.equal(health.state, 'healthy', 'a good minute forgives');
});

test('health: a suspect serves until its probe fails, and an answer clears it', () => {
  const health = new EndpointHealth(TIMES, seeded(1));
  health.suspect(10);
  assert.equal(health.available, true);
  assert.equal(health.nextProbeAt, 10);
  health.answered(11);
  assert.equal(health.state, 'healthy');
  health.suspect(20);
  health.probed('silent', 30);
  assert.equal(health.state, 'ejected');
  assert.equal(health.confirmedDown, false, 'asked in a hurry');
  health.probed('slow', 400);
  assert.equal(health.state, 'ejected', 'a slow one stays out');
  health.probed('silent', 700);
  assert.equal(health.confirmedDown, true);
});

test('pressure: rises with overload answers, halves each second, stays below one', () => {
  const pressure = new Pressure();
  for (let i = 0; i < 200; i++) pressure.overloaded(i);
  assert.equal(pressure.read(199), PRESSURE_MAX);
  assert.ok(Math.abs(pressure.read(1199) - PRESSURE_MAX / 2) < 0.01);
  assert.equal(pressure.read(20_000), 0);
  assert.equal(spillShare(0.8), 0);
  assert.ok(Math.abs(spillShare(0.9) - 0.5) < 1e-9);
});

test('the budget: a fifth of the traffic, a floor per second, bounded savings', () => {
  const budget = new RetryBudget(0.2, 3, 0);
  let spent = 0;
  while (budget.take(0)) spent += 1;
  for (let i = 0; i < 1000; i++) {
    budget.deposit();
    if (budget.take(0)) spent += 1;
  }
  assert.ok(spent <= 50 + 200 && spent >= 50 + 195, `${spent}`);
  assert.equal(budget.take(0), false);
  assert.equal(budget.take(1000), true);
});

test('what may be repeated', () => {
  const ask = {
    failure: 'unknown',
    idempotent: false,
    replayable: true,
    sentAttempts: 1,
    tries: 1,
    attemptsMax: 3,
  } as const;
  assert.equal(mayRetry(ask), false, 'a POST that may have run');
  assert.equal(mayRetry({ ...ask, idempotent: true }), true);
  assert.equal(mayRetry({ ...ask, idempotent: true, replayable: false }), false);
  assert.equal(mayRetry({ ...ask, failure: 'not_executed' }), true);
  assert.equal(mayRetry({ ...ask, failure: 'not_executed', sentAttempts: 3 }), false);
  assert.equal(
    mayRetry({ ...ask, failure: 'never_sent', replayable: false, sentAttempts: 3 }),
    true,
  );
  assert.equal(mayRetry({ ...ask, failure: 'never_sent', tries: 16 }), false);
  assert.equal(needsBudget('never_sent', 1), false);
  assert.equal(needsBudget('not_executed', 0.1), false);
  assert.equal(needsBudget('not_executed', 0.9), true);
  assert.equal(needsBudget('unknown', 0), true);
});
