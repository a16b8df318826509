import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noMetrics, PopmeshError, silentLogger } from '@popmesh/contracts';
import { realClock, realRandom } from '@popmesh/daemon';
import { createGossip, memoryPersistence } from '@popmesh/gossip';
import {
  CertificateCache,
  create,
  FunctionRecordSchema,
  functionKey,
  generateKeyPair,
  HostClaimSchema,
  hostKey,
  issueNodeIdentity,
  openRecord,
  sealRecord,
  TOMBSTONE_KEPT_MS,
  toBinary,
} from '@popmesh/protocol';
import { forgetTombstones } from './tombstones.ts';

test('a gateway forgets what was deleted and released a week ago, and nothing else', async (t) => {
  const root = generateKeyPair();
  const identity = issueNodeIdentity(root.privateKey, 'one');
  const gossip = createGossip({
    self: { id: 'gw', role: 'gateway', address: '127.0.0.1:1', pop: '' },
    seeds: [],
    openEnvelope: (envelope) => openRecord(root.publicKey, envelope, new CertificateCache()),
    transport: {
      call: async () => {
        throw new PopmeshError('peer_unavailable', 'alone');
      },
      close: async () => {},
    },
    persistence: memoryPersistence(),
    clock: realClock,
    random: realRandom,
    logger: silentLogger,
    metrics: noMetrics,
  });
  await gossip.start(new AbortController().signal);
  t.after(() => gossip.stop());
  const { table } = gossip;
  const nowMs = realClock.now();
  const put = async (key: string, payload: Uint8Array, ageMs: number): Promise<void> => {
    const revision = BigInt(Math.floor(nowMs - ageMs)) << 16n;
    await table.apply(sealRecord(identity, key, revision, payload), 'gossip');
  };
  const fn = (name: string, ageMs: number, extra: object) => {
    const record = create(FunctionRecordSchema, { namespace: 'a', name, ...extra });
    return put(functionKey('a', name), toBinary(FunctionRecordSchema, record), ageMs);
  };
  const claim = (host: string, ageMs: number, released: boolean) => {
    const record = create(HostClaimSchema, { host, namespace: 'a', released });
    return put(hostKey(host, 'a'), toBinary(HostClaimSchema, record), ageMs);
  };
  const old = TOMBSTONE_KEPT_MS + 1000;
  const routes = [{ host: 'standing.example', path: '/*' }];
  await fn('live', old, { versions: [{ number: 1, config: { routes } }] });
  await fn('deleted', old, { deleted: true });
  await fn('just-deleted', old - 2000, { deleted: true });
  await claim('owned.example', old, false);
  await claim('released.example', old, true);
  await claim('just-released.example', old - 2000, true);
  await claim('standing.example', old, true);
  await put('host/junk.example/a', Buffer.from([255, 255]), old);

  assert.deepEqual(await forgetTombstones(table, nowMs), [
    { host: 'released.example', namespace: 'a' },
  ]);
  assert.deepEqual(
    table.list('').map(({ key }) => key),
    [
      'function/a/just-deleted',
      'function/a/live',
      'host/junk.example/a',
      'host/just-released.example/a',
      'host/owned.example/a',
      'host/standing.example/a',
    ],
  );
});
