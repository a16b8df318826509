import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleComponent, TestMesh, until } from './testing/mesh.test-support.ts';

test('a draining node says so, answers what comes, takes no deploy, and finishes what runs', async (t) => {
  const mesh = await TestMesh.create(t);
  const one = await mesh.start('one', { drain: { noticeMs: 200, timeoutMs: 5000 } });
  const two = await mesh.start('two', { seeds: [one.meshAddress] });
  const component = await exampleComponent();
  const { revision } = await one.deploy('default/hello', component);
  await one.untilReadyEverywhere('default/hello', revision, 2);

  let finished = false;
  const slow = one.invoke('default/hello', '/sleep?800').then(async (response) => {
    assert.equal(response.status, 200);
    finished = true;
    return response.text();
  });
  // The request is on its way before the drain begins.
  await (await one.invoke('default/hello')).text();
  const drained = one.node.drain();
  const ready = await one.call('/readyz', {}, '');
  assert.equal(ready.status, 503);
  assert.deepEqual(await ready.json(), { ready: false, reason: 'draining' });
  assert.equal((await one.call('/healthz', {}, '')).status, 200);
  const refused = await one.upload('default/hello', component);
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /"draining"/);
  await until(async () => {
    const { nodes } = await two.status();
    return nodes.find(({ id }) => id === 'one')?.state === 'draining';
  });
  assert.equal((await one.invoke('default/hello')).status, 200);
  await drained;
  assert.ok(finished, 'the drain waited for the request in flight');
  assert.match(await slow, /slept 800/);
  await one.stop();
  await until(async () => {
    const { nodes } = await two.status();
    return nodes.find(({ id }) => id === 'one')?.state === 'left';
  });
});
