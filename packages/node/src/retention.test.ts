import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryChunkStore, splitArtifact } from '@popmesh/artifacts';
import { HybridClock, noMetrics, PopmeshError, silentLogger } from '@popmesh/contracts';
import { realClock, realRandom } from '@popmesh/daemon';
import { createGossip, memoryPersistence } from '@popmesh/gossip';
import {
  CertificateCache,
  generateKeyPair,
  issueNodeIdentity,
  openRecord,
  TOMBSTONE_KEPT_MS,
} from '@popmesh/protocol';
import { Registry } from '@popmesh/replication';
import { Retention } from './retention.ts';

test('chunks of kept versions stay, others go after the grace, tombstones after a week', async (t) => {
  let passedMs = 0;
  const clock = {
    ...realClock,
    now: () => realClock.now() + passedMs,
    monotonic: () => realClock.monotonic() + passedMs,
  };
  const root = generateKeyPair();
  const rootPublicKey = root.publicKey;
  const identity = issueNodeIdentity(root.privateKey, 'one');
  const parts = { clock, random: realRandom, logger: silentLogger, metrics: noMetrics };
  const gossip = createGossip({
    self: { id: 'one', role: 'node', address: '127.0.0.1:1', pop: 'one' },
    seeds: [],
    openEnvelope: (envelope) => openRecord(rootPublicKey, envelope, new CertificateCache()),
    transport: {
      call: async () => {
        throw new PopmeshError('peer_unavailable', 'alone');
      },
      close: async () => {},
    },
    persistence: memoryPersistence(),
    ...parts,
  });
  await gossip.start(new AbortController().signal);
  t.after(() => gossip.stop());
  const { table } = gossip;
  const registry = new Registry({ table, identity, rootPublicKey, clock: new HybridClock(clock) });
  const store = new MemoryChunkStore({ clock });
  const retention = new Retention({ registry, table, store, ...parts });

  const deploy = async (seed: number): Promise<string[]> => {
    const { manifest, chunks } = splitArtifact(Buffer.alloc(100_000, seed), 'wasi:http');
    for (const { bytes } of chunks) await store.put(bytes);
    await registry.deploy({
      namespace: 'default',
      name: 'hello',
      label: '',
      artifact: manifest,
      config: {},
      createdBy: 'test',
    });
    return chunks.map(({ digest }) => digest);
  };
  const kept = [...(await deploy(1)), ...(await deploy(2))];
  const unused = await store.put(Buffer.from('nobody refers to me'));
  const collectLater = async (laterMs: number): Promise<void> => {
    await retention.collect();
    passedMs += laterMs;
    await retention.collect();
  };
  await collectLater(1000);
  assert.ok(store.has(unused), 'still in its grace');
  await collectLater(2 * 3600_000);
  assert.ok(!store.has(unused));
  for (const digest of kept) assert.ok(store.has(digest), 'an older version may be rolled back to');

  await registry.remove('default/hello');
  await collectLater(2 * 3600_000);
  assert.deepEqual(store.list(), []);
  assert.equal(registry.get('default/hello')?.deleted, true);
  await collectLater(TOMBSTONE_KEPT_MS);
  assert.equal(registry.get('default/hello'), undefined);
});
