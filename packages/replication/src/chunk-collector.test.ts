import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, test } from 'node:test';
import { type Clock, noMetrics, type OpaqueRecord, silentLogger } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { create, FunctionRecordSchema, toBinary } from '@popmesh/protocol';
import { SeededRandom, VirtualClock } from '@popmesh/simulation';
import { ChunkCollector, type CollectedStream } from './chunk-collector.ts';
import type { ChunkSupply } from './chunk-exchange.ts';
import type { StoredChunk } from './chunk-stream.ts';
import { COLLECT_CHUNKS_MAX } from './limits.ts';
import { TestNatsServer } from './nats-server.test-support.ts';
import { eventually, TestMesh, type TestNode } from './test-node.test-support.ts';

const GRACE_MS = 1_000;
const ended = new AbortController().signal;
const chunk = (seed: number) => {
  const bytes = new SeededRandom(seed).bytes(100);
  return { bytes, digest: hash('sha256', bytes, 'hex') };
};
const functionRecord = (payload = toBinary(FunctionRecordSchema, create(FunctionRecordSchema))) =>
  ({ key: 'function/d/f', revision: 1n, payload, envelope: payload }) satisfies OpaqueRecord;

/** One collector over a stream in memory; `compare` is where others get in between. */
function world() {
  const clock = new VirtualClock();
  const held = new Map<string, StoredChunk>();
  const used = new Set<string>();
  const stream: CollectedStream = {
    list: async () => new Set(held.keys()),
    read: async (digest) => held.get(digest),
    remove: async (digest) => void held.delete(digest),
    write: async (digest, bytes) => void held.set(digest, { bytes, writtenAtMs: clock.now() }),
  };
  const parts = { records: [functionRecord()], compare: async (): Promise<void> => {} };
  const collector = new ChunkCollector({
    stream,
    table: { list: () => parts.records },
    compare: () => parts.compare(),
    graceMs: GRACE_MS,
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
    metrics: noMetrics,
  });
  const supply: ChunkSupply = { inUse: () => used, read: async () => undefined };
  const pass = (): Promise<void> => collector.pass(supply, ended);
  const put = (seed: number): string => {
    const { bytes, digest } = chunk(seed);
    held.set(digest, { bytes, writtenAtMs: clock.now() });
    return digest;
  };
  return { clock, held, used, parts, collector, pass, put };
}

test('what was unused for the whole grace period goes, what was used in it begins anew', async () => {
  const { clock, held, used, pass, put } = world();
  const [kept, dropped, back] = [put(1), put(2), put(3)];
  used.add(kept);
  await pass();
  await clock.advance(GRACE_MS - 1);
  used.add(back);
  await pass();
  used.delete(back);
  assert.equal(held.size, 3);
  await clock.advance(1);
  await pass();
  assert.deepEqual([...held.keys()], [kept, back]);
  assert.ok(!held.has(dropped));
  await clock.advance(GRACE_MS);
  await pass();
  assert.deepEqual([...held.keys()], [kept]);
});

for (const [when, nth] of [
  ['before the removal', 1],
  ['during the removal', 2],
] as const) {
  test(`a chunk that is named ${when} is there afterwards`, async () => {
    const { clock, held, used, parts, pass, put } = world();
    const [named, dropped] = [put(1), put(2)];
    await pass();
    await clock.advance(GRACE_MS);
    let comparisons = 0;
    parts.compare = async () => {
      // A deploy elsewhere found the chunk to be there, and its record is in the bucket.
      if (++comparisons === nth) used.add(named);
      // Only who is named too late for the first look is away for a moment.
      assert.equal(held.has(named), nth === 1 || comparisons === 1);
    };
    await pass();
    assert.equal(comparisons, 2);
    assert.deepEqual(held.get(named)?.bytes, chunk(1).bytes);
    assert.ok(!held.has(dropped));
  });
}

test('a chunk written from here while its removal is under way stays', async () => {
  const { clock, held, parts, collector, pass, put } = world();
  const digest = put(1);
  await pass();
  await clock.advance(GRACE_MS);
  parts.compare = async () => collector.touch(digest);
  await pass();
  assert.ok(held.has(digest));
});

test('a chunk that another node removed and a third wrote again during the pass stays', async () => {
  const { clock, held, parts, pass, put } = world();
  const digest = put(1);
  await pass();
  await clock.advance(GRACE_MS);
  parts.compare = async () => {
    // A new message of the same name, as the stream knows no other way.
    put(1);
    parts.compare = async () => {};
  };
  await pass();
  assert.ok(held.has(digest));
});

test('without a look at the bucket nothing goes', async () => {
  const { clock, held, parts, pass, put } = world();
  put(1);
  await pass();
  await clock.advance(GRACE_MS);
  parts.compare = async () => {
    throw new Error('NATS is gone');
  };
  await assert.rejects(pass(), /NATS is gone/);
  assert.equal(held.size, 1);
});

test('who knows no function, or cannot read one, removes nothing', async () => {
  const { clock, held, parts, pass, put } = world();
  put(1);
  await pass();
  await clock.advance(GRACE_MS);
  for (const records of [[], [functionRecord(), functionRecord(new Uint8Array([255]))]]) {
    parts.records = records;
    await pass();
    assert.equal(held.size, 1);
  }
  parts.records = [functionRecord()];
  await pass();
  assert.equal(held.size, 0);
});

test('a pass is bounded, and the next one goes on', async () => {
  const { clock, held, pass, put } = world();
  for (let seed = 0; seed < COLLECT_CHUNKS_MAX + 5; seed++) put(seed);
  await pass();
  await clock.advance(GRACE_MS);
  await pass();
  assert.equal(held.size, 5);
  await pass();
  assert.equal(held.size, 0);
});

const cleanUps: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

/** Two nodes that hold two functions' chunks; what is in use follows their registries. */
async function meshOnNats() {
  const server = await TestNatsServer.start();
  cleanUps.push(() => server.destroy());
  const mesh = new TestMesh();
  cleanUps.push(() => mesh.stop());
  const time = { passedMs: 0 };
  const clock: Clock = {
    ...realClock,
    now: () => realClock.now() + time.passedMs,
    monotonic: () => realClock.monotonic() + time.passedMs,
  };
  const config = { url: server.url, reconcileIntervalMs: 20, chunkCollectGraceMs: 3_600_000 };
  const nodes = ['a', 'b'].map((id) => mesh.node(id, config, clock));
  for (const node of nodes) {
    node.replication.reseed({
      inUse: () =>
        node.registry
          .list()
          .flatMap(({ versions }) => versions)
          .flatMap(({ artifact }) => artifact?.chunks.map(({ digest }) => digest) ?? []),
      read: async (digest) => node.chunks.get(digest),
    });
    await node.start();
  }
  await Promise.all(nodes.map((node) => node.connected()));
  const [a, b] = nodes as [TestNode, TestNode];
  const deploy = async (name: string, digests: readonly string[]): Promise<void> => {
    for (const digest of digests) {
      await a.replication.publishChunk(digest, a.chunks.get(digest) ?? assert.fail());
    }
    const chunks = digests.map((digest) => ({ digest, sizeBytes: 100 }));
    const artifact = { digest: 'a'.repeat(64), sizeBytes: 100n, chunks, door: 'wasi:http' };
    const change = await a.registry.deploy({
      namespace: 'default',
      name,
      label: '',
      artifact,
      config: {},
      createdBy: 'me',
    });
    assert.equal(await a.replication.publishRecord(change.record), 'stored');
  };
  return { server, a, b, time, deploy };
}

const HOUR_MS = 3_600_000;

test('on a real server: chunks of a removed function go, shared ones stay, also after an outage', async () => {
  const { server, a, b, time, deploy } = await meshOnNats();
  const [engine, one, two] = [1, 2, 3].map((seed) => a.hold(chunk(seed).bytes)) as [
    string,
    string,
    string,
  ];
  await deploy('one', [engine, one]);
  await deploy('two', [engine, two]);
  const removed = await a.registry.remove('default/one');
  await a.replication.publishRecord(removed.record);
  await eventually(() => assert.equal(b.registry.list().length, 1));
  // Until a node has seen it unused, an hour later is the beginning of the period.
  const gone = (digest: string): Promise<void> =>
    eventually(async () => {
      time.passedMs += HOUR_MS;
      assert.equal(await b.fetch(digest), undefined);
    });
  await gone(one);
  for (const digest of [engine, two]) assert.ok(await b.fetch(digest));

  await server.kill();
  await server.start();
  await eventually(async () => assert.ok(await b.fetch(two)));
  const again = await a.registry.remove('default/two');
  await a.replication.publishRecord(again.record);
  await gone(two);
  await gone(engine);
  // What was collected can be deployed again.
  await deploy('two', [engine, two]);
  time.passedMs += HOUR_MS;
  // A pass under way takes what was just written for hours old, and then finds its name.
  await eventually(async () => {
    for (const digest of [engine, two]) assert.ok(await b.fetch(digest));
  });
});
