import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, GatewayAnnouncementSchema, NodeAnnouncementSchema } from '@popmesh/protocol';
import type { PeerState } from './mesh-view.ts';
import { statusOf } from './status.ts';

const node = (id: string, member: PeerState, more: object = {}) => ({
  announcement: create(NodeAnnouncementSchema, { id, state: 'ready', ...more }),
  member,
});
const gateway = (id: string, member: PeerState, state = 'ready') => ({
  announcement: create(GatewayAnnouncementSchema, { id, state }),
  member,
});

test('what an operator should look at, and nothing else', () => {
  const status = statusOf({
    selfId: 'a',
    nodes: [
      node('a', 'alive', { clockAheadMs: 4000n, cgroup: 'popmesh/a' }),
      node('b', 'dead'),
      node('c', 'left', { state: 'draining' }),
      node('d', 'suspect'),
      node('e', 'alive', { state: 'starting', notReadyReason: 'its clock is 9 s ahead' }),
      node('f', 'alive', { natsProblem: 'NATS: publish: maximum bytes exceeded' }),
      node('g', 'dead', { natsProblem: 'old news', storageProblem: 'old news' }),
      node('h', 'alive', { storageProblem: 'its data folder cannot be written: no space left' }),
    ],
    gateways: [gateway('x', 'alive'), gateway('y', 'dead'), gateway('z', 'alive', 'draining')],
    nats: { enabled: true, connected: true, problem: 'NATS: no leader' },
    functions: 0,
    viewer: { seesAll: true, maySee: () => true },
  });
  assert.deepEqual(status.problems, [
    'node b is dead',
    'node e is starting: its clock is 9 s ahead',
    'node g is dead',
    'gateway y is dead',
    'gateway z is draining',
    'node h: its data folder cannot be written: no space left',
    'node a: NATS: no leader',
    'node f: NATS: publish: maximum bytes exceeded',
  ]);
  const [a, b] = status.nodes;
  assert.deepEqual([a?.clockAheadMs, a?.cgroup, a?.notReadyReason], [4000, 'popmesh/a', undefined]);
  assert.deepEqual([b?.clockAheadMs, b?.cgroup], [undefined, undefined]);
});

test('a tenant sees its own, and neither names of others nor what is for operators', () => {
  const busy = node('a', 'alive', {
    pid: 7,
    apiAddress: '127.0.0.1:1',
    meshAddress: '127.0.0.1:2',
    ready: [{ function: 'shop/a' }, { function: 'bank/a' }, { function: 'bank/b' }],
    dataPlanes: [
      { namespace: 'shop', address: '127.0.0.1:3' },
      { namespace: 'bank', address: '127.0.0.1:4' },
    ],
  });
  const facts = {
    selfId: 'a',
    nodes: [busy],
    gateways: [gateway('x', 'alive')],
    nats: { enabled: false, connected: false },
    functions: 1,
  };
  const seen = statusOf({
    ...facts,
    viewer: { seesAll: false, maySee: (namespace) => namespace === 'shop' },
  });
  assert.doesNotMatch(JSON.stringify(seen), /bank|pid|apiAddress|meshAddress/);
  assert.equal(seen.nodes[0]?.functionsReady, 1);
  assert.deepEqual(seen.nodes[0]?.dataPlanes, [{ namespace: 'shop', address: '127.0.0.1:3' }]);
  const all = statusOf({ ...facts, viewer: { seesAll: true, maySee: () => true } });
  assert.deepEqual([all.nodes[0]?.pid, all.nodes[0]?.dataPlanes.length], [7, 2]);
});
