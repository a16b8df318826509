import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, FunctionNoticeSchema, NodeAnnouncementSchema } from '@popmesh/protocol';
import type { NodeView, PeerState } from './mesh-view.ts';
import { rolloutOf } from './rollout.ts';

const node = (
  id: string,
  region: string,
  member: PeerState,
  more: { ready?: bigint; failed?: bigint } = {},
): NodeView => ({
  member,
  announcement: create(NodeAnnouncementSchema, {
    id,
    pop: id,
    region,
    ready: more.ready === undefined ? [] : [{ function: 'default/f', revision: more.ready }],
    failures:
      more.failed === undefined
        ? []
        : [{ function: 'default/f', revision: more.failed, code: 'unavailable', message: 'why' }],
  }),
});

test('each node is told apart: ready, failed, pending, unreachable, not concerned', () => {
  const nodes = [
    node('same', 'eu', 'alive', { ready: 5n }),
    node('ahead', 'eu', 'alive', { ready: 6n }),
    node('behind', 'eu', 'alive', { ready: 4n }),
    node('failed', 'eu', 'alive', { ready: 4n, failed: 5n }),
    node('failed-before', 'eu', 'alive', { failed: 4n }),
    node('dead', 'eu', 'dead', { ready: 5n }),
    node('left', 'eu', 'left'),
    node('elsewhere', 'us', 'alive'),
  ];
  const target = { function: 'default/f', revision: 5n, regions: ['eu'], notices: [] } as const;
  const rollout = rolloutOf(target, nodes);
  assert.deepEqual(Object.fromEntries(rollout.nodes.map(({ id, state }) => [id, state])), {
    same: 'ready',
    ahead: 'ready',
    behind: 'pending',
    failed: 'failed',
    'failed-before': 'pending',
    dead: 'unreachable',
  });
  assert.equal(rollout.total, 6);
  assert.equal(rollout.ready, 2);
  assert.equal(rollout.nodes[3]?.message, 'why');
});

test('what was taken back is failed, though the nodes serve something newer', () => {
  const notice = (revision: bigint, timeMs: number, kind: string) =>
    create(FunctionNoticeSchema, {
      kind,
      revision,
      timeMs: BigInt(timeMs),
      code: 'invalid_component',
      message: `${kind} ${revision}`,
    });
  const revision = 5n << 16n;
  const rollout = rolloutOf(
    {
      function: 'default/f',
      revision,
      regions: [],
      notices: [
        notice(0n, 4, 'conflict'),
        notice(revision, 6, 'rolled_back'),
        notice(0n, 7, 'conflict'),
      ],
    },
    [node('one', 'eu', 'alive', { ready: 7n << 16n }), node('gone', 'eu', 'dead')],
  );
  assert.deepEqual(
    rollout.nodes.map(({ state, code }) => [state, code]),
    [
      ['failed', 'invalid_component'],
      ['unreachable', undefined],
    ],
  );
  assert.equal(rollout.undone, `rolled_back ${revision}`);
  assert.deepEqual(rollout.warnings, ['conflict 0'], 'what happened since');
});
