import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLine } from './log-line.ts';
import { exampleComponent, TestMesh, until } from './testing/mesh.test-support.ts';

/** Several real nodes in one process, over real sockets. */

const HELLO = 'default/hello';

test('a node with an empty disk learns the functions and takes the chunks from a peer', async (t) => {
  const mesh = await TestMesh.create(t);
  const one = await mesh.start('one');
  const component = await exampleComponent();
  const first = await one.deploy(HELLO, component);

  const two = await mesh.start('two', { seeds: [one.meshAddress] });
  await two.node.whenReady;
  assert.match(await (await two.invoke(HELLO)).text(), /Hello/);
  const metrics = await (await two.call('/metrics', {}, '')).text();
  const fetched = Number(/popmesh_chunk_fetched_bytes_total (\d+)/.exec(metrics)?.[1]);
  assert.ok(fetched > 0 && fetched <= component.length, `${fetched} bytes fetched`);

  await t.test('both say so', async () => {
    await one.untilReadyEverywhere(HELLO, first.revision, 2);
    await until(async () => {
      const { nodes } = await one.status();
      assert.deepEqual(
        nodes.map(({ id, state, functionsReady }) => [id, state, functionsReady]),
        [
          ['one', 'ready', 1],
          ['two', 'ready', 1],
        ],
      );
      return true;
    });
  });

  await t.test('a deploy at the second reaches the first', async () => {
    const second = await two.deploy(HELLO, component, { label: '2.0.0' });
    await one.untilReadyEverywhere(HELLO, second.revision, 2);
    assert.equal((await one.invoke(HELLO)).headers.get('popmesh-version'), '2');
  });

  await t.test('logs of both come through one', async () => {
    const abort = new AbortController();
    const response = await one.call('/v1/logs?namespace=default', { signal: abort.signal });
    await (await two.invoke(HELLO, '/log')).text();
    await (await one.invoke(HELLO, '/log')).text();
    const seen = new Set<string>();
    let rest = '';
    for await (const chunk of response.body ?? []) {
      rest += Buffer.from(chunk).toString('utf8');
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') seen.add((JSON.parse(line) as LogLine).node);
      if (seen.size === 2) break;
    }
    abort.abort();
    assert.deepEqual([...seen].sort(), ['one', 'two']);
  });

  await t.test('a deletion reaches the other, also one that was away', async () => {
    await two.stop();
    await one.json(`/v1/functions/${HELLO}`, { method: 'DELETE' });
    const back = await mesh.start('two', { seeds: [one.meshAddress] });
    await until(async () => (await back.list()).length === 0);
  });
});

test('a function that is meant for one region runs there only', async (t) => {
  const mesh = await TestMesh.create(t);
  const eu = await mesh.start('eu-node');
  const us = await mesh.start('us-node', {
    seeds: [eu.meshAddress],
    pop: { code: 'nyc', region: 'us', latitude: 40.7, longitude: -74 },
  });
  await until(async () => (await eu.status()).nodes.length === 2);
  const { revision } = await us.deploy(HELLO, await exampleComponent(), {
    config: { regions: ['eu'] },
  });
  await us.untilReadyEverywhere(HELLO, revision, 1);
  const { nodes } = await us.rollout(HELLO, revision);
  assert.deepEqual(
    nodes.map(({ id }) => id),
    ['eu-node'],
  );
  assert.equal((await us.list()).length, 1);
});
