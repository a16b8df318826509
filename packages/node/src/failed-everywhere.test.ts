import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, NodeAnnouncementSchema, VersionRecordSchema } from '@popmesh/protocol';
import type { FunctionView } from '@popmesh/replication';
import { failedEverywhere, GOING_BACK_MS_MAX } from './failed-everywhere.ts';
import type { NodeView, PeerState } from './mesh-view.ts';

const FN = 'default/hello';
const NOW_MS = 1_000_000;
/** A hybrid clock's, of that time. */
const REVISION = BigInt(NOW_MS) << 16n;
const versions = [1, 2].map((number) => create(VersionRecordSchema, { number }));
const view = {
  id: FN,
  revision: REVISION,
  changedRevision: REVISION,
  changedBy: 'large',
  versions,
  live: [{ version: versions[1], weight: 100 }],
} as unknown as FunctionView;

const node = (id: string, member: PeerState, more: object): NodeView => ({
  announcement: create(NodeAnnouncementSchema, { id, state: 'ready', ...more }),
  member,
});
const failing = node('small', 'alive', {
  failures: [
    { function: FN, revision: REVISION, lasting: true, code: 'invalid_component', message: 'big' },
  ],
});

test('a version whose only servers restart, died or left is not taken back meanwhile', () => {
  const served = { ready: [{ function: FN, revision: REVISION }] };
  for (const [member, state] of [
    ['alive', 'draining'],
    ['left', 'draining'],
    ['left', 'stopped'],
    ['dead', 'ready'],
  ] as const) {
    const away = node('large', member, { ...served, state });
    assert.equal(failedEverywhere(view, [away, failing], NOW_MS), undefined, `${member}, ${state}`);
  }
});

test('one that nobody served goes back, whatever those who are away served before', () => {
  for (const ready of [
    { function: FN, revision: REVISION - 1n },
    { function: FN, revision: REVISION, fallbackVersion: 1 },
    { function: 'default/other', revision: REVISION },
  ]) {
    const away = node('large', 'dead', { ready: [ready] });
    const verdict = failedEverywhere(view, [away, failing], NOW_MS);
    assert.equal(verdict?.to, 1);
    assert.match(verdict?.message ?? '', /small: big.*Version 1 is live again/);
  }
});

test('what was live for long stays so when nobody is left who served it', () => {
  const late = NOW_MS + GOING_BACK_MS_MAX;
  assert.equal(failedEverywhere(view, [failing], late)?.to, 1);
  assert.equal(failedEverywhere(view, [failing], late + 1), undefined);
});
