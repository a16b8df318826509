/** Trailers of a request and of its answer, all the way: client, gateway, node, function and back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { trailersGuest } from '../../packages/runtime/src/testing/trailers-guest.ts';
import { BERLIN, FRA, TestMesh } from './mesh.ts';
import { until } from './process.ts';

test('a function gets the trailers of a request, and the client those of its answer', async (t) => {
  const mesh = await TestMesh.start([FRA], { nats: false });
  t.after(() => mesh.stop());
  const file = join(mesh.directory, 'trailers.wasm');
  await writeFile(file, await trailersGuest());
  await mesh.popmeshJson('deploy', file);
  const path = '/default/trailers/';
  await until(
    async () => (await mesh.popThatAnswers(path, BERLIN).catch(() => '')) === 'fra',
    'the gateway to know of it',
  );
  const sent = request({
    host: '127.0.0.1',
    port: mesh.gatewayPort,
    path,
    method: 'POST',
    agent: false,
    headers: { 'popmesh-client-location': BERLIN, trailer: 'x-sum' },
  });
  sent.write('a body that the function does not read');
  sent.addTrailers([
    ['x-sum', '7'],
    ['x-sum', '8'],
  ]);
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of answer) text += part;
  assert.deepEqual([answer.statusCode, answer.headers['popmesh-pop'], text], [200, 'fra', 'body']);
  assert.deepEqual(answer.rawTrailers, ['x-sum', '7', 'x-sum', '8']);
});
