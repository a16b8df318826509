import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { LATE_UPLOAD_MS } from '@popmesh/contracts';
import {
  FRA,
  type Handler,
  setFunction,
  startTestGateway,
  type TestGateway,
  TestNode,
} from './test-mesh.ts';

/** What one client, or one namespace, may hold. Clients are told apart by loopback addresses. */

const HANGS_MS = 60_000;
const GET = 'GET /default/hello/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
const POST = 'POST /default/hello/ HTTP/1.1\r\nHost: 127.0.0.1\r\n';

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + HANGS_MS;
  while (!holds()) {
    assert.ok(performance.now() < end, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

class Client {
  readonly socket: Socket;
  text = '';
  closed = false;

  constructor(gateway: TestGateway, localAddress: string, allowHalfOpen: boolean) {
    const [host = '', port] = gateway.address.split(':');
    this.socket = connect({ host, port: Number(port), localAddress, allowHalfOpen });
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
    this.socket.on('error', () => {});
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  async answer(): Promise<string> {
    await until('an answer', () => this.text.includes('\r\n\r\n') || this.closed);
    return this.text;
  }
}

/** Says what it was sent. */
const echo: Handler = (req, res) => {
  let body = '';
  req.on('error', () => {});
  req.on('data', (chunk) => {
    body += chunk;
  });
  req.on('end', () => {
    const length = req.headers['content-length'] ?? req.headers['transfer-encoding'];
    res.end(`${length}:${body.length}`);
  });
};

const setting = async (
  handler: Handler,
  limits: object,
  run: (
    gateway: TestGateway,
    node: TestNode,
    from: (address: string, halfOpen?: boolean) => Client,
  ) => Promise<void>,
): Promise<void> => {
  const node = new TestNode('fra-1', FRA, handler);
  const gateway = await startTestGateway([node], { limits });
  const clients: Client[] = [];
  try {
    await run(gateway, node, (address, halfOpen = false) => {
      const client = new Client(gateway, address, halfOpen);
      clients.push(client);
      return client;
    });
    for (const { socket } of clients) socket.destroy();
    const { total } = gateway.plane.traffic;
    await until('everything to be given back', () => total.isEmpty && total.early === 0);
  } finally {
    for (const { socket } of clients) socket.destroy();
    await gateway.stop();
  }
};

test('a body that does not come takes no place, neither here nor at a node', () =>
  setting(echo, { inFlightMax: 1 }, async (gateway, node, from) => {
    const { total } = gateway.plane.traffic;
    const idle = Array.from({ length: 20 }, () =>
      from('127.0.0.2').send(`${POST}Content-Length: 10\r\n\r\n1`),
    );
    await until('the bodies to wait', () => total.waiting === 20 && total.heldBytes === 20);
    assert.deepEqual([total.inFlight, node.hits], [0, 0]);
    assert.match(await from('127.0.0.3').send(GET).answer(), /^HTTP\/1.1 200/);
    idle[0]?.send('234567890');
    assert.match((await idle[0]?.answer()) ?? '', /^HTTP\/1.1 200[\s\S]*10:10$/);
  }));

for (const [name, head, streams] of [
  ['of a small known length', 'Content-Length: 10\r\n\r\n1', false],
  ['of a large known length', 'Content-Length: 100000\r\n\r\n1', true],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n', true],
  ['of which a lot came at once', `Content-Length: 100000\r\n\r\n${'x'.repeat(70_000)}`, true],
] as const) {
  test(`a body ${name} that stays away is 408, and its connection ends`, () =>
    setting(echo, { bodyIdleMs: 900, earlyAfterMs: 20 }, async (_gateway, node, from) => {
      const client = from('127.0.0.2').send(POST + head);
      await until('the connection to end', () => client.closed);
      assert.match(client.text, /^HTTP\/1.1 408 .*\r\n/);
      assert.match(client.text, /popmesh-error: request_too_slow/);
      assert.equal(node.hits, streams ? 1 : 0);
    }));
}

test('a trickle is too slow, the least rate is not', () =>
  setting(
    echo,
    { bodyIdleMs: 1_000, bodyBytesPerSecondMin: 100 },
    async (_gateway, _node, from) => {
      const trickle = from('127.0.0.2').send(`${POST}Content-Length: 1000\r\n\r\n`);
      const steady = from('127.0.0.3').send(`${POST}Content-Length: 1000\r\n\r\n`);
      const timer = setInterval(() => {
        trickle.send('x');
        steady.send('x'.repeat(40));
      }, 100);
      try {
        await until('the trickle to end', () => trickle.closed);
        assert.match(trickle.text, /^HTTP\/1.1 408/);
        assert.match(await steady.answer(), /^HTTP\/1.1 200[\s\S]*1000:1000$/);
      } finally {
        clearInterval(timer);
      }
    },
  ));

test('who waits for an early answer gets it, and may then be silent for long', () =>
  setting(
    (req, res) => {
      req.on('error', () => {});
      req.on('data', (chunk) => res.write(`<${chunk}>`));
      req.on('end', () => res.end('.'));
    },
    { bodyIdleMs: 600, earlyAfterMs: 20 },
    async (gateway, _node, from) => {
      const client = from('127.0.0.2').send(`${POST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`);
      await until('the first word', () => client.text.includes('<a>'));
      assert.deepEqual([gateway.plane.traffic.total.early, gateway.plane.traffic.inFlight], [0, 1]);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      client.send('1\r\nb\r\n0\r\n\r\n');
      await until('the last word', () => client.text.endsWith('0\r\n\r\n'));
      assert.match(client.text, /<b>/);
    },
  ));

test('bodies that have hardly begun take few places of a node, and leave them as they come', () =>
  setting(
    echo,
    { earlyAfterMs: 20, client: { earlyMax: 2 }, namespace: { earlyMax: 3 } },
    async (gateway, node, from) => {
      const { total } = gateway.plane.traffic;
      const begin = `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`;
      const slow = Array.from({ length: 6 }, () => from('127.0.0.2').send(begin));
      const others = Array.from({ length: 3 }, () => from('127.0.0.3').send(begin));
      await until('three to be early', () => node.hits === 3 && total.waiting === 6);
      assert.equal(total.early, 3);
      assert.match(await from('127.0.0.3').send(GET).answer(), /^HTTP\/1.1 200/);
      // Whole, they need no such place, and come as what they are.
      for (const client of [...slow, ...others]) client.send('0\r\n\r\n');
      for (const client of [...slow, ...others]) {
        assert.match(await client.answer(), /^HTTP\/1.1 200[\s\S]*(1|chunked):1$/);
      }
      const lot = from('127.0.0.2').send(`${begin}11170\r\n${'x'.repeat(0x11170)}\r\n`);
      await until('enough of it', () => node.hits === 11);
      lot.send('0\r\n\r\n');
      assert.match(await lot.answer(), /chunked:70001$/);
    },
  ));

test('connections above the bound of one client are closed, others are let in', () =>
  setting(echo, { client: { connectionsMax: 3 } }, async (gateway, _node, from) => {
    const { total } = gateway.plane.traffic;
    const three = Array.from({ length: 3 }, () => from('127.0.0.2'));
    await until('three connections', () => total.connections === 3);
    const fourth = from('127.0.0.2').send(GET);
    await until('the fourth to be closed', () => fourth.closed);
    assert.equal(fourth.text, '');
    assert.match(await from('127.0.0.3').send(GET).answer(), /^HTTP\/1.1 200/);
    // A proxy of the operator's own stands for many.
    const proxy = Array.from({ length: 5 }, () => from('127.0.0.1').send(GET));
    for (const connection of proxy) assert.match(await connection.answer(), /^HTTP\/1.1 200/);
    three[0]?.socket.destroy();
    await until('one to be gone', () => total.connections === 8);
    assert.match(await from('127.0.0.2').send(GET).answer(), /^HTTP\/1.1 200/);
  }));

test('requests in flight above the bound of one client are 429, behind a proxy as well', () => {
  const held: (() => void)[] = [];
  const slow: Handler = (_req, res) => void held.push(() => res.end('late'));
  return setting(slow, { client: { inFlightMax: 2 } }, async (gateway, node, from) => {
    const by = (client: string) =>
      GET.replace('\r\n\r\n', `\r\nX-Forwarded-For: ${client}\r\n\r\n`);
    // Pipelined requests are in flight at once.
    const direct = from('127.0.0.2').send(GET + GET);
    for (const address of ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1']) {
      from('127.0.0.1').send(by(address));
    }
    await until('five to be in flight', () => gateway.plane.traffic.inFlight === 5);
    const third = await from('127.0.0.2').send(GET).answer();
    assert.match(third, /^HTTP\/1.1 429 /);
    assert.match(third, /popmesh-error: client_limit_exceeded/);
    assert.match(third, /retry-after: 1/);
    assert.match(third, /connection: close/);
    const sameNetwork = await from('127.0.0.1').send(by('2001:db8::3')).answer();
    assert.match(sameNetwork, /^HTTP\/1.1 429 /);
    from('127.0.0.1').send(by('2001:db8:0:1::2'));
    from('127.0.0.3').send(GET);
    await until('two more in flight', () => node.hits === 7);
    for (const answer of held) answer();
    await until('both answers', () => direct.text.split('late').length === 3);
  });
});

test('a namespace has half of a gateway at most, in flight and in bodies', () => {
  const slow: Handler = (req, res) => {
    if (req.url === '/slow') return;
    res.end('ok');
  };
  const limits = { namespace: { inFlightMax: 2, heldBytesMax: 100_000 } };
  return setting(slow, limits, async (gateway, node, from) => {
    const other = new TestNode('fra-2', FRA, (_req, res) => void res.end('other'));
    await other.start();
    setFunction(gateway.mesh, 'other/one');
    gateway.mesh.setNode(other.announcement('other/one'));
    try {
      const wait = GET.replace('hello/', 'hello/slow');
      for (const address of ['127.0.0.2', '127.0.0.3']) from(address).send(wait);
      await until('two to be in flight', () => node.hits === 2);
      const full = await from('127.0.0.4').send(GET).answer();
      assert.match(full, /^HTTP\/1.1 503 [\s\S]*namespace_in_flight/);
      const beside = await from('127.0.0.4')
        .send(GET.replace('default/hello', 'other/one'))
        .answer();
      assert.match(beside, /^HTTP\/1.1 200 [\s\S]*other$/);
    } finally {
      await other.kill();
    }
  });
});

test('bodies in memory are bounded for one client; a refused body is not asked for', () =>
  setting(
    echo,
    { client: { heldBytesMax: 50_000, waitingMax: 3 } },
    async (gateway, node, from) => {
      const { total } = gateway.plane.traffic;
      const large = `${POST}Content-Length: 40000\r\n\r\n${'x'.repeat(39_999)}`;
      const first = from('127.0.0.2').send(large);
      await until('the first to be here', () => total.heldBytes === 39_999);
      const second = from('127.0.0.2').send(large);
      assert.match(await second.answer(), /^HTTP\/1.1 429 [\s\S]*client_held_bytes/);
      assert.match(await from('127.0.0.3').send(`${large}x`).answer(), /40000:40000$/);
      const asks = `${POST}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`;
      const polite = from('127.0.0.2').send(asks);
      assert.match(await polite.answer(), /^HTTP\/1.1 100 Continue\r\n\r\n$/);
      const more = from('127.0.0.2').send(asks);
      assert.match(await more.answer(), /^HTTP\/1.1 100/);
      assert.match(await from('127.0.0.2').send(asks).answer(), /^HTTP\/1.1 429 /);
      polite.send('ok');
      await until('the answer', () => polite.text.endsWith('2:2'));
      first.send('x');
      assert.match(await first.answer(), /40000:40000$/);
      assert.equal(node.hits, 3);
    },
  ));

test('one client does not fill a data plane', () => {
  const slow: Handler = (req, res) => void (req.url === '/' && res.end('ok'));
  return setting(slow, { nodeInFlightMax: 8 }, async (_gateway, node, from) => {
    const wait = GET.replace('hello/', 'hello/slow');
    const many = Array.from({ length: 12 }, () => from('127.0.0.2').send(wait));
    await until('six to be in flight', () => node.hits === 6);
    await until('the rest to be refused', () => many.filter((it) => it.text !== '').length === 6);
    assert.match(
      many.find((it) => it.text !== '')?.text ?? '',
      /^HTTP\/1.1 429 [\s\S]*client_places/,
    );
    assert.match(await from('127.0.0.3').send(GET).answer(), /^HTTP\/1.1 200/);
  });
});

const TINY = '1\r\na\r\n'.repeat(60_000);
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
/** More than is held back with the limits below. */
const BEGUN = `800\r\n${'x'.repeat(2_048)}\r\n`;

for (const [name, bodies, first, replayBodyBytesMax] of [
  ['held', 50, '', 65_536],
  ['on its way to a node', 10, BEGUN, 1_024],
] as const) {
  test(`a body ${name} in chunks of one byte is cut off, and others are answered meanwhile`, () =>
    setting(
      echo,
      { earlyAfterMs: 60_000, bodyIdleMs: 60_000, replayBodyBytesMax },
      async (gateway, node, from) => {
        const { total } = gateway.plane.traffic;
        const many = Array.from({ length: bodies }, () => from('127.0.0.2').send(CHUNKED + first));
        await until('the requests to be here', () =>
          first === '' ? total.waiting === bodies : node.hits === bodies,
        );
        for (const client of many) {
          client.send(TINY);
          // Work and not time: other processes are none of ours.
          const before = process.cpuUsage();
          assert.match(await from('127.0.0.3').send(GET).answer(), /^HTTP\/1.1 200/);
          const { user, system } = process.cpuUsage(before);
          assert.ok(user + system < 1_000_000, `${user + system} µs of work before an answer`);
        }
        await until('all connections to end', () => many.every(({ closed }) => closed));
        // The answer may be lost with what was not read.
        for (const { text } of many) assert.match(text, /^$|^HTTP\/1.1 413 [\s\S]*body_pieces/);
      },
    ));
}

for (const [name, first, answered] of [
  ['that a function answered early', CHUNKED + BEGUN, 'early'],
  ['to nobody’s function', CHUNKED.replace('/hello/', '/nope/'), 'function_not_found'],
] as const) {
  test(`what still comes of a body ${name} is cut off in tiny pieces as well`, () =>
    setting(
      (req, res) => void req.resume().once('data', () => res.end('early')),
      { replayBodyBytesMax: 1_024 },
      async (gateway, _node, from) => {
        const { total } = gateway.plane.traffic;
        const client = from('127.0.0.2', true).send(first);
        await until('the answer', () => client.text.includes(answered));
        client.send(TINY);
        // Sooner than what ends for other reasons: silence, or the time for the rest of an upload.
        const startedMs = performance.now();
        await until('the connection to end', () => total.connections === 0);
        assert.ok(performance.now() - startedMs < LATE_UPLOAD_MS);
        assert.doesNotMatch(client.text, /413/);
      },
    ));
}
