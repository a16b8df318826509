import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import { AMS, FRA, type Handler, named, startTestGateway, TestNode } from './test-mesh.ts';

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

/** Says what it was sent, when all of it is there. */
const echo: Handler = (req, res) => {
  let body = '';
  req.on('error', () => {});
  req.on('data', (part) => {
    body += part;
  });
  req.on('end', () => {
    res.addTrailers([['x-behind', 'too']]);
    const { rawTrailers } = req;
    res.write(JSON.stringify({ body, rawTrailers, te: req.headers['transfer-encoding'] }));
    res.end();
  });
};

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
  readonly trailers: string[];
}

const TRAILERS: [string, string][] = [
  ['X-Sum', '7'],
  ['x-sum', '8'],
  ['popmesh-function', 'other/one'],
  ['Connection', 'keep-alive'],
  ['x_under', 'score'],
];

async function send(
  url: string,
  { method = 'POST', body = ['some', ' body'] }: { method?: string; body?: string[] } = {},
): Promise<Answer> {
  const sent = request(`${url}/default/hello/`, {
    method,
    agent: false,
    headers: { trailer: 'X-Sum', 'transfer-encoding': 'chunked' },
  });
  for (const part of body) sent.write(part);
  sent.addTrailers(TRAILERS);
  sent.end();
  const [res] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of res) text += part;
  const { statusCode: status = 0, headers, rawTrailers: trailers } = res;
  return { status, text, headers, trailers };
}

test('trailers that a client announced reach the node, but for what speaks for the platform', async () => {
  const gateway = await startTestGateway([new TestNode('fra-1', FRA, echo)]);
  try {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const { status, text, headers, trailers } = await send(gateway.url, { method });
      assert.equal(status, 200);
      assert.equal(headers['popmesh-node'], 'fra-1');
      assert.deepEqual(JSON.parse(text), {
        body: 'some body',
        rawTrailers: ['X-Sum', '7', 'x-sum', '8'],
        te: 'chunked',
      });
      assert.deepEqual(trailers, ['x-behind', 'too']);
    }
    const large = await send(gateway.url, { body: Array(100).fill('x'.repeat(10_000)) });
    assert.equal(JSON.parse(large.text).body.length, 1_000_000);
  } finally {
    await gateway.stop();
  }
});

test('with trailers, too: refused is tried elsewhere, cut is repeated only where it may be', async () => {
  const fra = new TestNode('fra-1', FRA, (req) =>
    req.resume().on('end', () => req.socket.destroy()),
  );
  const ams = new TestNode('ams-1', AMS, echo);
  const gateway = await startTestGateway([fra, ams]);
  const well = (startedAtMs: bigint): void =>
    gateway.mesh.setNode({ ...fra.announcement(), startedAtMs });
  try {
    const lost = await send(gateway.url);
    assert.deepEqual([lost.status, lost.headers['popmesh-error']], [502, 'peer_unavailable']);
    assert.deepEqual([fra.hits, ams.hits], [1, 0]);
    well(2n);
    const again = await send(gateway.url, { method: 'PUT' });
    assert.equal(again.headers['popmesh-route'], 'failover');
    assert.deepEqual(JSON.parse(again.text).rawTrailers, ['X-Sum', '7', 'x-sum', '8']);
    await fra.kill();
    well(3n);
    const refused = await send(gateway.url);
    assert.equal(refused.status, 200);
    assert.equal(JSON.parse(refused.text).body, 'some body');
  } finally {
    await gateway.stop();
  }
});

test('with trailers, too: an early answer arrives, a cut one is cut, a client that leaves is told', async () => {
  const node = new TestNode('fra-1', FRA, named('fra'));
  const gateway = await startTestGateway([node]);
  const open = () => {
    const sent = request(`${gateway.url}/default/hello/`, {
      method: 'POST',
      agent: false,
      headers: { trailer: 'X-Sum', 'transfer-encoding': 'chunked' },
    });
    sent.on('error', () => {});
    sent.write('the beginning');
    return sent;
  };
  try {
    const early = open();
    const [answer] = (await once(early, 'response')) as [IncomingMessage];
    assert.equal(answer.statusCode, 200);
    await once(answer.resume(), 'end');
    early.destroy();

    let cut = (): void => {};
    node.handler = (_req, res) => {
      res.write('half');
      cut = () => void res.destroy();
    };
    const broken = open();
    const [half] = (await once(broken, 'response')) as [IncomingMessage];
    half.resume();
    cut();
    await assert.rejects(once(half, 'end'), { code: 'ECONNRESET' });

    const gone = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    node.handler = (_req, res) => {
      res.on('close', gone.resolve);
      arrived.resolve();
    };
    const leaving = open();
    await arrived.promise;
    leaving.destroy();
    await gone.promise;
    assert.equal(gateway.plane.traffic.inFlight, 0);
  } finally {
    await gateway.stop();
  }
});
