import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HybridClock, PopmeshError } from '@popmesh/contracts';
import {
  create,
  FunctionRecordSchema,
  generateKeyPair,
  issueNodeIdentity,
  sealRecord,
  toBinary,
} from '@popmesh/protocol';
import { VirtualClock } from '@popmesh/simulation';
import fc from 'fast-check';
import { liveVersions, pruned, rolledBack, tombstone, withVersion } from './function-record.ts';
import { CHANGES_WAITING_MAX, VERSIONS_KEPT_MAX } from './limits.ts';
import { type FunctionView, Registry } from './registry.ts';
import { MemoryRecordTable } from './test-node.test-support.ts';

const root = generateKeyPair();
const id = { namespace: 'default', name: 'hello' };

function world(nodeId = 'n') {
  const clock = new VirtualClock();
  const table = new MemoryRecordTable();
  const identity = issueNodeIdentity(root.privateKey, nodeId);
  const registry = new Registry({
    table,
    identity,
    rootPublicKey: root.publicKey,
    clock: new HybridClock(clock),
  });
  const deploy = (label: string, name = 'hello') =>
    registry.deploy({
      namespace: 'default',
      name,
      label,
      artifact: { digest: 'a'.repeat(64), sizeBytes: 1n, chunks: [], door: 'wasi:http' },
      config: { regions: ['eu'] },
      createdBy: 'me',
    });
  return { clock, table, identity, registry, deploy };
}

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof PopmeshError && error.code === code;

let lastRevision = 0n;
const at = () => ({ revision: ++lastRevision, by: 'n' });

const version = (label = '') => ({
  label,
  artifact: { digest: 'a'.repeat(64) },
  config: {},
  createdBy: '',
  createdAtMs: 0,
});

test('deploys number the versions and point live to the newest', async () => {
  const { registry, deploy } = world();
  const seen: FunctionView[] = [];
  registry.onChanged((view) => seen.push(view));
  assert.equal((await deploy('1.0.0')).version, 1);
  const second = await deploy('1.1.0');
  assert.equal(second.version, 2);
  const view = registry.get('default/hello') ?? assert.fail();
  assert.equal(view.revision, second.revision);
  assert.deepEqual(
    view.live.map((l) => [l.version.number, l.version.label, l.weight]),
    [[2, '1.1.0', 100]],
  );
  assert.deepEqual(
    view.versions.map((v) => v.number),
    [1, 2],
  );
  assert.deepEqual(
    seen.map((v) => v.lastVersion),
    [1, 2],
  );
  assert.equal(registry.get('hello'), view, 'decoded once');
});

test('roll-back points to the one before, or the one named, and keeps the versions', async () => {
  const { registry, deploy } = world();
  for (const label of ['a', 'b', 'c']) await deploy(label);
  assert.equal((await registry.rollback('hello')).version, 2);
  assert.equal((await registry.rollback('hello')).version, 1);
  await assert.rejects(registry.rollback('hello'), hasCode('conflict'));
  assert.equal((await registry.rollback('hello', 3)).version, 3);
  await assert.rejects(registry.rollback('hello', 9), hasCode('not_found'));
  await assert.rejects(registry.rollback('nobody'), hasCode('function_not_found'));
  assert.equal(registry.get('hello')?.versions.length, 3);
  assert.equal((await deploy('d')).version, 4);
});

test('removal leaves a tombstone; deploying again goes on counting', async () => {
  const { registry, deploy } = world();
  await deploy('a');
  const seen: FunctionView[] = [];
  registry.onChanged((view) => seen.push(view));
  await registry.remove('hello');
  const view = registry.get('hello') ?? assert.fail();
  assert.ok(view.deleted && view.deletedAtMs > 0 && view.live.length === 0);
  assert.deepEqual(registry.list(), []);
  assert.deepEqual(
    seen.map((v) => v.deleted),
    [true],
  );
  await assert.rejects(registry.remove('hello'), hasCode('function_not_found'));
  await assert.rejects(registry.rollback('hello'), hasCode('function_not_found'));
  assert.equal((await deploy('b')).version, 2);
  assert.deepEqual(
    registry.get('hello')?.versions.map((v) => v.label),
    ['b'],
  );
});

test('deploys of one function at once all get their own number', async () => {
  const { registry, deploy } = world();
  const changes = await Promise.all(Array.from({ length: 20 }, (_, i) => deploy(`${i}`)));
  assert.equal(new Set(changes.map((c) => c.version)).size, 20);
  assert.equal(registry.get('hello')?.lastVersion, 20);
});

test('too many changes of one function at once are refused, others go on', async () => {
  const { deploy } = world();
  const results = await Promise.allSettled(
    Array.from({ length: CHANGES_WAITING_MAX + 5 }, () => deploy('x')),
  );
  const refused = results.filter((r) => r.status === 'rejected');
  assert.equal(refused.length, 5);
  for (const { reason } of refused) assert.ok(hasCode('overloaded')(reason));
  await deploy('x', 'another');
});

test('a record that came in between is built upon', async () => {
  const here = world('here');
  const there = world('there');
  await here.deploy('a');
  await there.table.apply(here.table.get('function/default/hello') ?? assert.fail(), 'gossip');
  await there.clock.advance(50);
  const remote = await there.deploy('from there');
  // Arrives after the deploy below read the table, and before it is applied.
  const apply = here.table.apply.bind(here.table);
  here.table.apply = async (record, origin) => {
    here.table.apply = apply;
    await apply(remote.record, 'gossip');
    return apply(record, origin);
  };
  const mine = await here.deploy('from here');
  assert.equal(mine.version, 3);
  assert.deepEqual(
    here.registry.get('hello')?.versions.map((v) => v.label),
    ['a', 'from there', 'from here'],
  );
});

test('revisions grow though the wall clock goes back', async () => {
  const { clock, deploy } = world();
  const first = await deploy('a');
  clock.jumpWall(-3_600_000);
  const second = await deploy('b');
  assert.ok(second.revision > first.revision);
});

test('lists by namespace, in order; names are checked', async () => {
  const { registry, deploy } = world();
  for (const name of ['b', 'a']) await deploy('1', name);
  assert.deepEqual(
    registry.list().map((v) => v.id),
    ['default/a', 'default/b'],
  );
  assert.deepEqual(registry.list('defaul'), []);
  assert.throws(() => registry.get('A/b'), hasCode('invalid_argument'));
  await assert.rejects(deploy('1', 'Bad_Name'), hasCode('invalid_argument'));
  await assert.rejects(deploy('x'.repeat(129)), hasCode('invalid_argument'));
});

test('records that are no function, or another one, are passed over', async () => {
  const { registry, table, identity } = world();
  const other = toBinary(
    FunctionRecordSchema,
    create(FunctionRecordSchema, { namespace: 'x', name: 'y' }),
  );
  for (const payload of [Buffer.from([255, 255]), other]) {
    await table.apply(
      sealRecord(identity, 'function/default/odd', 1n + BigInt(payload.length), payload),
      'gossip',
    );
    assert.equal(registry.get('odd'), undefined);
    assert.deepEqual(registry.list(), []);
  }
});

test('an identity of another mesh is refused at once', () => {
  const { table, identity } = world();
  const clock = new HybridClock(new VirtualClock());
  const rootPublicKey = generateKeyPair().publicKey;
  assert.throws(
    () => new Registry({ table, identity, rootPublicKey, clock }),
    hasCode('bad_signature'),
  );
});

test('whatever happens: numbers only grow, live is always kept, the record stays bounded', () => {
  const op = fc.oneof(
    { weight: 8, arbitrary: fc.constant('deploy' as const) },
    { weight: 3, arbitrary: fc.nat(60) },
    { weight: 1, arbitrary: fc.constant('remove' as const) },
  );
  fc.assert(
    fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
      let record = withVersion(undefined, id, version(), at());
      for (const o of ops) {
        const before = record.lastVersion;
        if (o === 'deploy') record = withVersion(record, id, version(), at());
        else if (o === 'remove') record = tombstone(record, 5, at());
        else if (record.versions.some((v) => v.number === o)) record = rolledBack(record, o, at());
        assert.ok(record.lastVersion >= before);
        assert.ok(record.versions.length <= VERSIONS_KEPT_MAX + 1);
        assert.equal(liveVersions(record).length, record.deleted ? 0 : 1);
        const numbers = record.versions.map((v) => v.number);
        assert.deepEqual(
          numbers,
          [...numbers].sort((a, b) => a - b),
        );
      }
    }),
  );
});

test('large versions push the oldest out, never the one that is live', () => {
  const large = { ...version(), config: { env: { A: 'x'.repeat(1_000) } } };
  let record = withVersion(undefined, id, large, at());
  for (let i = 0; i < 10; i++) record = withVersion(record, id, large, at());
  record = rolledBack(record, 2, at());
  const small = pruned(record, 20, 3_500);
  assert.deepEqual(
    small.versions.map((v) => v.number),
    [2, 9, 10, 11],
  );
});
