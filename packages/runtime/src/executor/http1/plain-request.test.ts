import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { duplexPair } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { RawBuffer } from '../../ring/byte-ring.ts';
import { type RequestHead, readRequestHead } from '../request-head.ts';
import { PLAIN_LIMITS, PlainParser } from './plain-request.ts';

const parser = new PlainParser();

function plain(text: string): { head: RequestHead; bodyAt: number } | undefined {
  const bodyAt = parser.parse(Buffer.from(text, 'latin1') as unknown as RawBuffer);
  return bodyAt === 0 ? undefined : { head: parser.head, bodyAt };
}

/** What node:http makes of the same bytes, with the executor's settings. */
async function judged(text: string): Promise<{ head: RequestHead; body: string } | undefined> {
  const server = createServer({ maxHeaderSize: 16 * 1024, insecureHTTPParser: false });
  const [client, socket] = duplexPair();
  client.resume();
  const outcome = new Promise<{ head: RequestHead; body: string } | undefined>((resolve) => {
    server.on('clientError', () => resolve(undefined));
    server.on('upgrade', () => resolve(undefined));
    server.on('request', async (request: IncomingMessage, response) => {
      let body = '';
      request.setEncoding('latin1');
      try {
        for await (const part of request) body += part;
      } catch {
        resolve(undefined);
        return;
      }
      response.end();
      resolve({ head: readRequestHead(request.rawHeaders, request.method, request.url), body });
    });
    // What is refused before there is a request is answered on the connection.
    client.once('end', () => resolve(undefined));
  });
  server.emit('connection', socket);
  client.write(Buffer.from(text, 'latin1'));
  const found = await outcome;
  client.destroy();
  socket.destroy();
  return found;
}

const methods = fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS');
const targets = fc.oneof(
  fc.webPath().map((path) => `/${path}`),
  fc.webQueryParameters().map((query) => `/ns/fn?${query}`),
  fc.constantFrom('/', '//x', '/a/../b', '/%00', '/"<>\\^`{|}', '/?', '/a?b?c'),
);
const values = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom('', 'a  b', 'a\tb', '"q"', 'a, b', '\t pad \t', 'é\xa0', '\x80'),
);
const names = fc.oneof(
  fc.constantFrom('accept', 'Cookie', 'x_y', 'X-A', 'popmesh-function', 'POPMESH-request-id'),
  fc.constantFrom(
    'popmesh-timeout-ms',
    'popmesh-pop',
    'popmesh-scheme',
    'user-agent',
    "!#$%&'*+.^_`|~",
  ),
  fc.stringMatching(/^[a-zA-Z0-9-]{1,12}$/),
);
/** Shapes with which two parsers were made to disagree, and what must be left to the other. */
const traps = fc.constantFrom(
  ['Content-Length', '3'],
  ['content-length', '03'],
  ['Content-Length', '+3'],
  ['Content-Length', '3, 3'],
  ['Content-Length', '0x3'],
  ['Content-Length', '99999999999999999999'],
  ['Content-Length ', '3'],
  ['Transfer-Encoding', 'chunked'],
  ['transfer-encoding', 'identity'],
  ['Connection', 'keep-alive'],
  ['Connection', 'close'],
  ['Connection', 'keep-alive, x-a'],
  ['Upgrade', 'h2c'],
  ['Expect', '100-continue'],
  ['Host', 'b.example'],
  ['host', 'a.example'],
  ['TE', 'trailers'],
  ['Keep-Alive', 'timeout=5'],
);
const requests = fc
  .record({
    method: fc.oneof(
      { weight: 8, arbitrary: methods },
      fc.constantFrom('get', 'CONNECT', 'TRACE', 'G T'),
    ),
    target: fc.oneof(
      { weight: 8, arbitrary: targets },
      fc.constantFrom('http://a/b', '*', 'a:80', '/a#b', '/é', '/a\tb', ''),
    ),
    version: fc.oneof(
      { weight: 8, arbitrary: fc.constant('HTTP/1.1') },
      fc.constantFrom('HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 '),
    ),
    headers: fc.array(
      fc.oneof({ weight: 5, arbitrary: fc.tuple(names, values) }, { weight: 1, arbitrary: traps }),
      { maxLength: 8 },
    ),
    body: fc.constantFrom('', 'abc', 'abcdef'),
    damage: fc.array(
      fc.record({
        at: fc.nat(400),
        cut: fc.nat(2),
        put: fc.constantFrom(
          '',
          '\r',
          '\n',
          '\r\n',
          ' ',
          '\t',
          '\0',
          ':',
          '_',
          '\x7f',
          '\x80',
          'é',
          '\r\n ',
        ),
      }),
      { maxLength: 2 },
    ),
    damaged: fc.boolean(),
  })
  .map(({ method, target, version, headers, body, damage, damaged }) => {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    let text = `${method} ${target} ${version}\r\nHost: a.example\r\n${lines}\r\n${body}`;
    if (damaged) {
      for (const { at, cut, put } of damage) {
        const where = at % text.length;
        text = text.slice(0, where) + put + text.slice(where + cut);
      }
    }
    return text;
  });

describe('plain requests', () => {
  test('what is taken here means the same to node:http, whatever was sent', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(requests, async (text) => {
        const mine = plain(text);
        if (mine === undefined) return;
        taken++;
        const length = Math.max(0, mine.head.contentLength);
        const body = text.slice(mine.bodyAt).padEnd(length, 'x').slice(0, length);
        const theirs = await judged(text.slice(0, mine.bodyAt) + body);
        assert.ok(theirs !== undefined, 'node:http refuses it');
        assert.deepEqual(mine.head, theirs.head);
        assert.equal(theirs.body, body);
      }),
      { numRuns: 6_000, seed: 20_261_121 },
    );
    assert.ok(taken > 1_500, `only ${taken} were plain`);
  });

  test('the ordinary ones are taken', async () => {
    for (const text of [
      'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
      'GET /a?b=c HTTP/1.1\r\nHost: a:80\r\nUser-Agent: x\r\nAccept: */*\r\nConnection: Keep-Alive\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc',
      'HEAD / HTTP/1.1\r\nHost:a\r\nX:\r\nY:\t z \t\r\n\r\n',
    ]) {
      const mine = plain(text);
      assert.ok(mine !== undefined, text);
      assert.deepEqual(mine.head, (await judged(text))?.head);
    }
  });

  test('everything doubtful is left to the other parser', () => {
    const get = (rest: string) => `GET / HTTP/1.1\r\nHost: a\r\n${rest}\r\n`;
    for (const text of [
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\n',
      'GET / HTTP/1.1\nHost: a\n\n',
      '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
      'PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n',
      get('Transfer-Encoding: chunked\r\n'),
      get('Content-Length: 1\r\nContent-Length: 1\r\n'),
      get('Content-Length:\r\n'),
      get('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'),
      get('Connection: close\r\n'),
      get('Connection: upgrade\r\nUpgrade: websocket\r\n'),
      get('Expect: 100-continue\r\n'),
      get('X : a\r\n'),
      get(': a\r\n'),
      get('X: a\r\n b\r\n'),
      get('X: a\0b\r\n'),
      get('X\x80: a\r\n'),
      get('X: a\x7fb\r\n'),
      get('X: a\rb\r\n'),
      get('X: a\nb\r\n'),
      get(`X: ${'a'.repeat(PLAIN_LIMITS.headBytesMax)}\r\n`),
      get('X: a\r\n'.repeat(PLAIN_LIMITS.headersMax)),
    ]) {
      assert.equal(plain(text), undefined, JSON.stringify(text.slice(0, 80)));
    }
  });

  test('what neither may serve is left to node:http, and refused behind it', async () => {
    for (const [text, code] of [
      ['GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 'invalid_argument'],
      ['GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: b\r\n\r\n', 'invalid_argument'],
      ['GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 'invalid_argument'],
      ['OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 'invalid_argument'],
      ['TRACE / HTTP/1.1\r\nHost: a\r\n\r\n', 'unimplemented'],
      [
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
        'invalid_argument',
      ],
    ] as const) {
      assert.equal(plain(text), undefined, text);
      const head = (await judged(text))?.head;
      assert.equal(head?.refusal?.code, code, text);
    }
  });

  test('a name that only shares its hash with one that matters is another name', async () => {
    const text = 'GET / HTTP/1.1\r\nHost: a\r\nhou6: b\r\n\r\n';
    const mine = plain(text);
    assert.equal(mine?.head.host, 'a');
    assert.deepEqual(mine?.head, (await judged(text))?.head);
  });
});
