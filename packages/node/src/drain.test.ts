import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import type { Clock } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { exampleComponent, TestMesh, until } from './testing/mesh.test-support.ts';

/** No other wait is as long as this, so the clock knows which it is. */
const NOTICE_MS = 4_321;

test('a draining node says so, answers what comes, takes no deploy, and finishes what runs', async (t) => {
  const mesh = await TestMesh.create(t);
  // The notice is over when this test says so, and not before it has looked at everything.
  const notice = Promise.withResolvers<void>();
  const clock: Clock = {
    ...realClock,
    sleep: (ms, signal) => (ms === NOTICE_MS ? notice.promise : realClock.sleep(ms, signal)),
  };
  const drain = { noticeMs: NOTICE_MS, timeoutMs: 5000 };
  const one = await mesh.start('one', { drain }, clock);
  const two = await mesh.start('two', { seeds: [one.meshAddress] });
  const component = await exampleComponent();
  const config = { limits: { timeoutMs: 300_000 } };
  const { revision } = await one.deploy('default/hello', component, { config });
  await one.untilReadyEverywhere('default/hello', revision, 2);

  // In flight as long as its body is not at its end; the first bytes that come back say so.
  const url = `http://${await one.dataPlaneOf('default/hello')}/default/hello`;
  const running = request(`${url}/echo`, { method: 'POST', agent: false });
  running.write('begun, ');
  const [answer] = (await once(running, 'response')) as [IncomingMessage];
  let echoed = '';
  answer.setEncoding('utf8').on('data', (text: string) => {
    echoed += text;
  });
  await until(() => echoed === 'begun, ');

  let over = false;
  const drained = one.node.drain().then(() => {
    over = true;
  });
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
  const late = await one.invoke('default/hello');
  assert.equal(late.status, 200);
  await late.text();
  notice.resolve();
  // A round trip to the executor, on a connection of its own, in which a drain that waits for nobody would be over.
  const last = request(`${url}/`, { agent: false });
  last.end();
  const [served] = (await once(last, 'response')) as [IncomingMessage];
  assert.equal(served.statusCode, 200);
  await once(served.resume(), 'end');
  assert.equal(over, false, 'the drain waits for the request in flight');
  running.end('done');
  await once(answer, 'end');
  assert.equal(echoed, 'begun, done');
  await drained;
  await one.stop();
  await until(async () => {
    const { nodes } = await two.status();
    return nodes.find(({ id }) => id === 'one')?.state === 'left';
  });

  // Who left stays so for a node that starts anew and has never seen it: no reason for anybody.
  await two.stop();
  const again = await mesh.start('two');
  await again.node.whenReady;
  const { nodes, problems } = await again.status();
  assert.deepEqual(
    nodes.map(({ id, state }) => [id, state]),
    [
      ['one', 'left'],
      ['two', 'ready'],
    ],
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    (await again.rollout('default/hello', revision)).nodes.map(({ id }) => id),
    ['two'],
  );
});
