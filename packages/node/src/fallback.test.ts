import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AUDIT_FILE, type AuditLine } from './audit-log.ts';
import { exampleComponent, TestMesh, type TestNode, until } from './testing/mesh.test-support.ts';

/** Nodes that cannot make the live version ready go on with an older one, also after a restart. */

const FN = 'default/hello';

/** The same component, whose memory is 8 MB at the start: too much for a node with a small ceiling. */
async function hungryComponent(): Promise<Uint8Array> {
  const bytes = Buffer.from(await exampleComponent());
  const section = Buffer.from([5, 3, 1, 0, 17]);
  const at = bytes.indexOf(section);
  assert.ok(at > 0 && bytes.indexOf(section, at + 1) === -1);
  bytes[at + 4] = 127;
  return new Uint8Array(bytes);
}

const SMALL = { runtime: { limits: { memoryMb: { default: 4, ceiling: 4 } } } };
const versionAt = async (node: TestNode): Promise<string | null> => {
  const response = await node.invoke(FN);
  assert.equal(response.status, 200, await response.text());
  return response.headers.get('popmesh-version');
};

test('a node that cannot run the live version serves the newest that it can', async (t) => {
  const mesh = await TestMesh.create(t);
  const large = await mesh.start('large');
  const seeds = [large.meshAddress];
  let small = await mesh.start('small', { ...SMALL, seeds });
  const first = await large.deploy(FN, await exampleComponent());
  await large.untilReadyEverywhere(FN, first.revision, 2);
  const second = await large.deploy(FN, await hungryComponent());
  const failed = async (revision = second.revision): Promise<string> => {
    const { nodes } = await large.rollout(FN, revision);
    const one = nodes.find(({ id }) => id === 'small');
    assert.equal(one?.state, 'failed', JSON.stringify(nodes));
    return one?.code ?? '';
  };
  await until(() => failed());
  assert.deepEqual([await versionAt(large), await versionAt(small)], ['2', '1']);

  await t.test('it says so', async () => {
    await until(async () => (await large.list())[0]?.olderOn.length === 1);
    const [listed] = await large.list();
    assert.deepEqual(listed?.readyOn, ['large']);
    assert.deepEqual(listed?.olderOn, [{ node: 'small', version: 1 }]);
    assert.deepEqual(
      listed?.failedOn.map(({ node, code }) => [node, code]),
      [['small', 'invalid_component']],
    );
  });

  await t.test('and again after a restart', async () => {
    await small.stop();
    small = await mesh.start('small', { ...SMALL, seeds });
    await small.node.whenReady;
    assert.equal(await versionAt(small), '1');
    assert.equal(await until(() => failed()), 'invalid_component');
    await until(async () => (await large.list())[0]?.olderOn[0]?.version === 1);
    const third = await large.deploy(FN, await exampleComponent());
    await large.untilReadyEverywhere(FN, third.revision, 2);
    assert.equal(await versionAt(small), '3');
    const back = await large.json<{ revision: string }>(`/v1/functions/${FN}/rollback`, {
      method: 'POST',
      body: '{"version":2}',
    });
    await until(() => failed(back.revision));
    assert.equal(await versionAt(small), '3', 'the newest that works, and it stays');
  });

  await t.test('until it can', async () => {
    await small.stop();
    small = await mesh.start('small', { seeds });
    await small.node.whenReady;
    assert.equal(await versionAt(small), '2');
    await until(async () => (await large.list())[0]?.olderOn.length === 0);
  });
});

test('what no node can make ready goes back by itself, and says why', async (t) => {
  const mesh = await TestMesh.create(t);
  // The function runs in `eu` alone: the node that accepts it is not concerned.
  const far = { pop: { code: 'far', region: 'us', latitude: 40, longitude: -70 } };
  const large = await mesh.start('large', far);
  const seeds = [large.meshAddress];
  const small = await mesh.start('small', { ...SMALL, seeds });
  const [good, bad] = [await exampleComponent(), await hungryComponent()];
  const eu = { config: { regions: ['eu'] } };
  const first = await large.deploy(FN, good, eu);
  await large.untilReadyEverywhere(FN, first.revision, 1);

  const second = await large.deploy(FN, bad, eu);
  const undone = await until(async () => {
    const rollout = await small.rollout(FN, second.revision);
    return rollout.undone === undefined ? undefined : rollout;
  });
  assert.match(undone.undone ?? '', /No node could make version 2 ready.*Version 1 is live again/);
  assert.deepEqual(
    undone.nodes.map(({ id, state, code }) => [id, state, code]),
    [['small', 'failed', 'invalid_component']],
  );
  const [listed] = await small.list();
  assert.equal(listed?.version, 1);
  assert.equal(listed?.notices[0]?.kind, 'rolled_back');
  await small.untilReadyEverywhere(FN, listed?.revision ?? '', 1);
  assert.equal(await versionAt(small), '1');

  await t.test(
    'every audit log has it, and the author hears of it with the next deploy',
    async () => {
      for (const id of ['large', 'small']) {
        await until(async () => {
          const text = await readFile(join(mesh.folder, id, AUDIT_FILE), 'utf8');
          const lines = text
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as AuditLine);
          const told = lines.filter(({ action }) => action === 'rolled_back');
          assert.equal(told.length, 1, id);
          assert.match(told[0]?.what ?? '', /^default\/hello: No node could/);
          return true;
        });
      }
      const third = await large.deploy(FN, good, eu);
      assert.match(third.warnings?.[0] ?? '', /Version 1 is live again/);
      await large.untilReadyEverywhere(FN, third.revision, 1);
      const fourth = await large.deploy(FN, good, eu);
      assert.equal(fourth.warnings, undefined);
    },
  );

  await t.test('with no older version none is live, and the version stays listed', async () => {
    const other = 'default/new';
    const only = await large.deploy(other, bad, eu);
    await until(async () => (await large.rollout(other, only.revision)).undone);
    const listed = (await large.list()).find(({ function: id }) => id === other);
    assert.deepEqual([listed?.version, listed?.aliases], [0, {}]);
    const { versions } = await large.json<{ versions: { version: number; live: boolean }[] }>(
      `/v1/functions/${other}/versions`,
    );
    assert.deepEqual(
      versions.map(({ version, live }) => [version, live]),
      [[1, false]],
    );
    await until(async () => (await small.invoke(other)).status === 404);
  });
});
