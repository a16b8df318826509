import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { FRA, startTestGateway, type TestGateway, TestNode } from './test-mesh.ts';

/** What must never reach a data plane, sent byte by byte over a raw socket. */

const HANGS_MS = 60_000;

let gateway: TestGateway;
let node: TestNode;
const seen: string[][] = [];

before(async () => {
  node = new TestNode('fra-1', FRA, (req, res) => {
    // Counted when whole: a body that turns out to be broken has begun by then, and is cut.
    req.resume().on('end', () => {
      seen.push([`${req.method} ${req.url}`, ...req.rawHeaders]);
      res.end('ok');
    });
    req.on('error', () => {});
  });
  gateway = await startTestGateway([node], {
    trustedProxies: [],
    limits: { headersTimeoutMs: 300, idleTimeoutMs: 1000 },
  });
});
after(() => gateway.stop());

/** Sends, and resolves with all that came until the other side closed. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const [host = '', port] = gateway.address.split(':');
    const socket = connect(Number(port), host);
    let text = '';
    const timer = setTimeout(() => {
      reject(new Error(`the connection stays open after:\n${text}`));
      socket.destroy();
    }, HANGS_MS);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.write(bytes, 'latin1');
  });
}

const GET = 'GET /default/hello/ HTTP/1.1\r\nHost: 127.0.0.1\r\n';
const POST = 'POST /default/hello/ HTTP/1.1\r\nHost: 127.0.0.1\r\n';

const REFUSED: Readonly<Record<string, [bytes: string, status: RegExp]>> = {
  'Content-Length with Transfer-Encoding': [
    `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1.1 400/,
  ],
  'Transfer-Encoding with Content-Length': [
    `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1.1 400/,
  ],
  'two Content-Lengths': [
    `${POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
    /^HTTP\/1.1 400/,
  ],
  'two different Content-Lengths': [
    `${POST}Content-Length: 1\r\nContent-Length: 5\r\n\r\nx`,
    /^HTTP\/1.1 400/,
  ],
  'a list of Content-Lengths': [`${POST}Content-Length: 1, 1\r\n\r\nx`, /^HTTP\/1.1 400/],
  'a signed Content-Length': [`${POST}Content-Length: +1\r\n\r\nx`, /^HTTP\/1.1 400/],
  'a hexadecimal Content-Length': [`${POST}Content-Length: 0x1\r\n\r\nx`, /^HTTP\/1.1 400/],
  'an unknown Transfer-Encoding': [
    `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1.1 400/,
  ],
  'chunked not last': [
    `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1.1 400/,
  ],
  'chunked twice': [
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1.1 400/,
  ],
  'a space before the colon': [
    `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1.1 400/,
  ],
  'a folded header (obs-fold)': [`${GET}X-A: 1\r\n folded\r\n\r\n`, /^HTTP\/1.1 400/],
  'a bare LF as line end': ['GET /default/hello/ HTTP/1.1\nHost: 127.0.0.1\n\n', /^HTTP\/1.1 400/],
  'a bare LF between headers': [`${GET}X-A: 1\nX-B: 2\r\n\r\n`, /^HTTP\/1.1 400/],
  'a bare CR in a value': [`${GET}X-A: 1\rX-B: 2\r\n\r\n`, /^HTTP\/1.1 400/],
  'a NUL in a value': [`${GET}X-A: 1\0\r\n\r\n`, /^HTTP\/1.1 400/],
  'a header name with _': [`${GET}X_Forwarded_For: 1.2.3.4\r\n\r\n`, /^HTTP\/1.1 400/],
  'two Hosts': [`${GET}Host: evil.test\r\n\r\n`, /^HTTP\/1.1 400/],
  'no Host': ['GET /default/hello/ HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400/],
  'a Host that is none': [
    'GET /default/hello/ HTTP/1.1\r\nHost: a b/../c@d\r\n\r\n',
    /^HTTP\/1.1 400/,
  ],
  'a path that leads elsewhere when it is read': [
    'GET /default/hello/../../other/one/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    /^HTTP\/1.1 400/,
  ],
  'a backslash in the path': [
    'GET /default/hello\\..\\x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    /^HTTP\/1.1 400/,
  ],
  'an asterisk target': ['OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', /^HTTP\/1.1 400/],
  'a space in the target': ['GET /default/hello/ x HTTP/1.1\r\nHost: a\r\n\r\n', /^HTTP\/1.1 400/],
  'a chunk size with 0x': [
    `${POST}Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n`,
    /^(HTTP\/1.1 400|$)/,
  ],
  'a chunk that is not ended': [
    `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n`,
    /^(HTTP\/1.1 400|$)/,
  ],
  'headers of 17 KB': [`${GET}X-A: ${'a'.repeat(17 * 1024)}\r\n\r\n`, /^HTTP\/1.1 431/],
  '101 headers': [
    `${GET}${Array.from({ length: 100 }, (_, i) => `X-${i}: 1\r\n`).join('')}\r\n`,
    /^HTTP\/1.1 431/,
  ],
  'a URL of 9 KB': [
    `GET /default/hello/${'a'.repeat(9 * 1024)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    /^HTTP\/1.1 414/,
  ],
  'a WebSocket upgrade': [
    `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`,
    /^HTTP\/1.1 501/,
  ],
  TRACE: ['TRACE /default/hello/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', /^HTTP\/1.1 501/],
  CONNECT: ['CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n', /^$/],
  'no HTTP at all': ['\x16\x03\x01\x02\x00\x01\x00\x01', /^HTTP\/1.1 400/],
  'an HTTP/2 preface': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^HTTP\/1.1 400/],
  'a body larger than the function takes': [
    `${POST}Content-Length: 999999999\r\n\r\n`,
    /^HTTP\/1.1 413/,
  ],
};

for (const [name, [bytes, status]] of Object.entries(REFUSED)) {
  test(`refused: ${name}`, async () => {
    const before = seen.length;
    // A second request behind it must not be served either: that is what smuggling is.
    const answer = await raw(
      `${bytes}GET /default/hello/smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, status);
    const reached = seen.slice(before).map(([line]) => line);
    if (!/ 501/.test(answer) && !/ 431/.test(answer) && !name.startsWith('a header name')) {
      assert.ok(!reached.includes('GET /smuggled') || !needsClose(name), `${name}: ${reached}`);
    }
    assert.ok(
      reached.every((line) => line === 'GET /smuggled'),
      `${name} did not reach the node: ${reached}`,
    );
  });
}

/** Refusals whose framing is in doubt: nothing after them on the connection may be read. */
function needsClose(name: string): boolean {
  return /Length|Transfer|chunk|bare|colon|folded|body/.test(name);
}

test('a client cannot speak for others: claims, hop headers and platform headers are gone', async () => {
  const before = seen.length;
  await raw(
    `${GET}X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n` +
      'popmesh-client-location: 1,1\r\nPopmesh-Function: other/one\r\npopmesh-timeout-ms: 1\r\n' +
      'Connection: close, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 1\r\nTE: trailers\r\n' +
      'Proxy-Connection: x\r\nProxy-Authorization: x\r\nX-Kept: yes\r\n\r\n',
  );
  const [, ...pairs] = seen[before] as string[];
  const headers = new Map<string, string>();
  for (let i = 0; i < pairs.length; i += 2) {
    headers.set((pairs[i] as string).toLowerCase(), pairs[i + 1] as string);
  }
  assert.equal(headers.get('x-kept'), 'yes');
  assert.equal(headers.get('x-forwarded-for'), '127.0.0.1');
  assert.equal(headers.get('popmesh-function'), 'default/hello');
  assert.equal(headers.get('popmesh-client-location'), '50.1,8.7');
  assert.ok(Number(headers.get('popmesh-timeout-ms')) > 1000);
  for (const name of ['forwarded', 'x-real-ip', 'x-secret', 'te', 'proxy-connection']) {
    assert.equal(headers.get(name), undefined, name);
  }
  assert.equal(headers.get('proxy-authorization'), undefined);
});

test('an absolute target is taken with its own host, as RFC 9112 says', async () => {
  const answer = await raw(
    'GET http://127.0.0.1/default/hello/abs HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1.1 200/);
  assert.equal(seen.at(-1)?.[0], 'GET /abs');
});

test('slowloris: headers that never end are cut off, an idle connection too', async () => {
  const [slow, silent] = await Promise.all([
    raw('GET /default/hello/ HTTP/1.1\r\nHost: a\r\nX-A: '),
    raw(`${GET}\r\n`),
  ]);
  assert.match(slow, /^(HTTP\/1.1 408|$)/);
  assert.match(silent, /^HTTP\/1.1 200/);
});

test('Expect: 100-continue is answered here; HEAD, 204 and 304 have no body', async () => {
  const answer = await raw(
    `${POST}Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nok`,
  );
  assert.match(answer, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
  const handler = node.handler;
  try {
    node.handler = (req, res) => {
      const status = Number(req.url?.slice(1) || 200);
      res.writeHead(status, status === 204 ? {} : { 'content-length': '5' });
      res.end(req.method === 'HEAD' || status !== 200 ? undefined : 'hello');
    };
    const two = (first: string): Promise<string> =>
      raw(`${first}Host: a\r\n\r\n${GET}Connection: close\r\n\r\n`);
    for (const line of [
      'HEAD /default/hello/ HTTP/1.1\r\n',
      'GET /default/hello/204 HTTP/1.1\r\n',
      'GET /default/hello/304 HTTP/1.1\r\n',
    ]) {
      const both = await two(line);
      const [first = '', second = '', third] = both.split('\r\n\r\n');
      assert.match(first, /^HTTP\/1.1 (200|204|304)/);
      assert.match(second, /^HTTP\/1.1 200/, `${line}: nothing between two answers`);
      assert.equal(third, 'hello');
    }
  } finally {
    node.handler = handler;
  }
});

test('an HTTP/1.0 client without Host is served and closed', async () => {
  const answer = await raw('GET /default/hello/ HTTP/1.0\r\n\r\n');
  assert.match(answer, /^HTTP\/1.1 200/);
  assert.match(answer, /ok$/);
});
