import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { exampleComponent, TestMesh, until } from './testing/mesh.test-support.ts';
import { natsMissing, startNats } from './testing/nats.test-support.ts';

/** With the real nats-server, which may go away at any time. */

const HELLO = 'default/hello';

test('JetStream carries a deploy to a node that has no peer', { skip: natsMissing }, async (t) => {
  const mesh = await TestMesh.create(t);
  const nats = await startNats(t, join(mesh.folder, 'nats'));
  const one = await mesh.start('one', { nats: { url: nats.url } });
  await until(async () => (await one.status()).nats.connected);
  const deployed = await one.deploy(HELLO, await exampleComponent(), {
    config: { routes: [{ host: 'shop.example', path: '/*' }] },
  });
  // `pending` says that JetStream took its time; on a busy machine that is no mistake.
  assert.match(deployed.durable.jetstream, /^(?:stored|pending)$/);

  const two = await mesh.start('two', { nats: { url: nats.url } });
  await until(async () => {
    const { nodes } = await two.rollout(HELLO, deployed.revision);
    return nodes.find(({ id }) => id === 'two')?.state === 'ready';
  });
  assert.match(await (await two.invoke(HELLO)).text(), /Hello/);
  await until(async () => {
    const { hosts } = await two.json<{ hosts: { host: string; state: string }[] }>('/v1/hosts');
    assert.deepEqual(
      hosts.map(({ host, state }) => [host, state]),
      [['shop.example', 'owned']],
    );
    return true;
  });
  const { nats: status } = await two.status();
  assert.equal(status.connected, true);
  assert.match(status.version ?? '', /^\d+\.\d+/);
});

test('without NATS deploys are quick and pending, later JetStream catches up', {
  skip: natsMissing,
}, async (t) => {
  const mesh = await TestMesh.create(t);
  const folder = join(mesh.folder, 'nats');
  const nats = await startNats(t, folder);
  const one = await mesh.start('one', { nats: { url: nats.url } });
  await until(async () => (await one.status()).nats.connected);
  await nats.stop();
  await until(async () => !(await one.status()).nats.connected);
  const startedMs = performance.now();
  const deployed = await one.deploy(HELLO, await exampleComponent());
  const { reason, ...durable } = deployed.durable;
  assert.deepEqual(durable, { local: true, jetstream: 'pending' });
  assert.match(reason ?? '', /^NATS: /);
  // Also when it is looked at through a node, and as a reason for an operator.
  const { problems } = await one.status();
  assert.deepEqual(problems.length, 1);
  assert.match(problems[0] ?? '', /^node one: NATS: /);
  t.diagnostic(`deploy without NATS: ${Math.round(performance.now() - startedMs)} ms`);
  await one.untilReadyEverywhere(HELLO, deployed.revision, 1);

  await startNats(t, folder, Number(new URL(nats.url).port));
  await until(async () => {
    const { nats: status } = await one.status();
    assert.deepEqual([status.connected, status.pending, status.problem], [true, 0, undefined]);
    return true;
  });
  await one.stop();
  const two = await mesh.start('two', { nats: { url: nats.url } });
  await until(
    async () => (await two.status()).nodes.find(({ id }) => id === 'two')?.functionsReady,
  );
  assert.match(await (await two.invoke(HELLO)).text(), /Hello/);
});
