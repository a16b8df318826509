import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import { FRA, startTestGateway, TestNode } from './test-mesh.ts';

test('trailers of an answer reach the client, but for what is between us and the node', async () => {
  const node = new TestNode('fra-1', FRA, (req, res) => {
    res.writeHead(200, req.url === '/said' ? { 'content-length': '4' } : {});
    res.write('body');
    res.addTrailers([
      ['x-sum', '7'],
      ['x-sum', '8'],
      ['popmesh-internal', 'secret'],
      ['keep-alive', 'timeout=9'],
    ]);
    res.end();
  });
  const gateway = await startTestGateway([node]);
  const get = async (path: string): Promise<IncomingMessage> => {
    const sent = request(`${gateway.url}/default/hello${path}`, { agent: false });
    sent.end();
    const [res] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const part of res) text += part;
    assert.equal(text, 'body');
    return res;
  };
  try {
    assert.deepEqual((await get('/')).rawTrailers, ['x-sum', '7', 'x-sum', '8']);
    assert.deepEqual((await get('/said')).rawTrailers, []);
  } finally {
    await gateway.stop();
  }
});
