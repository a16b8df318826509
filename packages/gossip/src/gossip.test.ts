import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noMetrics, silentLogger } from '@popmesh/contracts';
import { SeededRandom, SimulatedNetwork, VirtualClock } from '@popmesh/simulation';
import { createGossip, MemoryGossipTransport, memoryPersistence } from './index.ts';
import type { RecordPersistence } from './persistence.ts';
import { StateSaver } from './state-saver.ts';

/** The life cycle of one member, and what it asks of its disk meanwhile. */

interface Gate {
  readonly passed: Promise<void>;
  readonly open: () => void;
}

function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

test('a stop during the start waits for it, and nothing is written afterwards', async () => {
  const clock = new VirtualClock();
  const disk = memoryPersistence();
  const opened = gate();
  const asked: string[] = [];
  const persistence: RecordPersistence = {
    ...disk,
    async open() {
      asked.push('open');
      await opened.passed;
      return disk.open();
    },
    async saveIncarnation(incarnation) {
      asked.push('saveIncarnation');
      await disk.saveIncarnation(incarnation);
    },
    async close() {
      asked.push('close');
      await disk.close();
    },
  };
  const network = new SimulatedNetwork(clock, new SeededRandom(1));
  const gossip = createGossip({
    self: { id: 'n0', role: 'node', address: 'n0:1', pop: 'fra' },
    seeds: [],
    openEnvelope: () => assert.fail(),
    transport: new MemoryGossipTransport(network, 'n0:1', clock),
    persistence,
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
    metrics: noMetrics,
  });
  const started = assert.rejects(gossip.start(new AbortController().signal), { code: 'cancelled' });
  const stopped = gossip.stop();
  await clock.settle();
  assert.deepEqual(asked, ['open'], 'the disk is not closed while it is being opened');
  opened.open();
  await Promise.all([started, stopped]);
  await clock.advance(60_000);
  assert.deepEqual(asked, ['open', 'close']);
  assert.equal(clock.timers, 0);
});

test('a disk that hangs is asked to save once, not once a second', async () => {
  const hung = gate();
  let saves = 0;
  const persistence: RecordPersistence = {
    ...memoryPersistence(),
    saveMembers: () => {
      saves += 1;
      return hung.passed;
    },
  };
  const view = { members: () => [], announcements: () => [], incarnation: () => 1 };
  const saver = new StateSaver(persistence, view, silentLogger);
  const ticks: Promise<void>[] = [];
  for (let nowMs = 1000; nowMs < 60_000; nowMs += 500) {
    saver.membersChanged();
    ticks.push(saver.tick(nowMs));
  }
  assert.equal(saves, 1);
  hung.open();
  await Promise.all(ticks);
  await saver.tick(90_000);
  assert.equal(saves, 2, 'what changed meanwhile is saved when the disk is back');
});
