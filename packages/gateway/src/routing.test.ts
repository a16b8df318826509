import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, FunctionRecordSchema, HostClaimSchema } from '@popmesh/protocol';
import fc from 'fast-check';
import { Clients } from './client-peer.ts';
import { Directory, normaliseHost } from './directory.ts';
import { HostRoutes } from './host-routes.ts';
import type { FunctionState } from './mesh-view.ts';
import { readRequestHead } from './request-headers.ts';
import { responseHeaders } from './response-headers.ts';

const state = (
  id: `${string}/${string}`,
  extra: {
    revision?: bigint;
    deleted?: boolean;
    routes?: string[];
    createdAtMs?: bigint;
    /** Of a version that was accepted when there were claims. */
    acceptedRevision?: bigint;
  } = {},
): FunctionState => ({
  id,
  revision: extra.revision ?? 1n,
  record: create(FunctionRecordSchema, {
    namespace: id.split('/')[0] as string,
    name: id.split('/')[1] as string,
    deleted: extra.deleted ?? false,
    versions: [
      {
        number: 1,
        createdAtMs: extra.createdAtMs ?? 1n,
        acceptedRevision: extra.acceptedRevision ?? 1n,
        config: {
          routes: (extra.routes ?? []).map((route) => ({
            host: route.split('/')[0] as string,
            path: route.slice(route.split('/')[0]?.length),
          })),
        },
      },
    ],
    aliases: [{ name: 'live', targets: [{ version: 1, weight: 1 }] }],
  }),
});

const directoryOf = (...states: FunctionState[]): Directory => {
  const directory = new Directory('example.net');
  for (const one of states) directory.apply(one);
  return directory;
};

test('names in the host, the path form, and what is neither', () => {
  const directory = directoryOf(state('default/hello'), state('team/api'));
  const find = (host: string, url: string) => {
    const match = directory.find(host, url);
    return match === undefined ? undefined : `${match.entry.id} ${match.path}`;
  };
  assert.equal(find('hello.example.net', '/a?b'), 'default/hello /a?b');
  assert.equal(find('hello.default.example.net', '/'), 'default/hello /');
  assert.equal(find('api.team.example.net', '/x'), 'team/api /x');
  assert.equal(find('api.example.net', '/'), undefined);
  assert.equal(find('a.api.team.example.net', '/'), undefined);
  assert.equal(find('127.0.0.1', '/team/api/x/y?z=1'), 'team/api /x/y?z=1');
  assert.equal(find('example.net', '/team/api'), 'team/api /');
  assert.equal(find('whatever.org', '/team/api?q'), 'team/api /?q');
  for (const url of [
    '/',
    '/team',
    '/team/',
    '/team/apis',
    '/team//api',
    '//team/api',
    '/TEAM/api',
  ]) {
    assert.equal(find('127.0.0.1', url), undefined, url);
  }
});

test('deletes and older revisions: gone, and never back by an old record', () => {
  const directory = directoryOf(state('a/b', { revision: 5n }));
  directory.apply(state('a/b', { revision: 4n, deleted: true }));
  assert.ok(directory.get('a/b'));
  directory.apply(state('a/b', { revision: 6n, deleted: true }));
  assert.equal(directory.get('a/b'), undefined);
});

const claim = (host: string, namespace: string, atMs: number, released = false) =>
  create(HostClaimSchema, { host, namespace, claimedAtMs: BigInt(atMs), released });

test("a host is its owner's as a whole, whatever path another one asks for", () => {
  const thief = state('thief/f', {
    routes: ['shop.com/api/deeper/*', 'shop.com/', 'shop.com/login*', 'hello.example.net/*'],
    createdAtMs: 1n,
  });
  const directory = directoryOf(
    thief,
    state('a/all', { routes: ['shop.com/*'], createdAtMs: 10n }),
    state('a/api', { routes: ['shop.com/api/*'], createdAtMs: 11n }),
    state('a/one', { routes: ['shop.com/api/exact'] }),
    state('a/late', { routes: ['shop.com/api/exact'], createdAtMs: 12n }),
    state('default/hello'),
  );
  const id = (host: string, url: string) => directory.find(host, url)?.entry.id;
  assert.equal(id('shop.com', '/'), undefined, 'nobody has claimed it');
  directory.applyClaim(claim('shop.com', 'thief', 20));
  directory.applyClaim(claim('shop.com', 'a', 10));
  directory.applyClaim(claim('hello.example.net', 'thief', 1));
  directory.applyClaim(claim('127.0.0.1', 'thief', 1));
  assert.equal(id('shop.com', '/'), 'a/all');
  assert.equal(id('shop.com', '/login/x'), 'a/all');
  assert.equal(id('shop.com', '/api'), 'a/api');
  assert.equal(id('shop.com', '/api/x?y'), 'a/api');
  assert.equal(id('shop.com', '/apix'), 'a/all');
  assert.equal(id('shop.com', '/api/exact?q'), 'a/one');
  assert.equal(id('shop.com', '/api/exact/more'), 'a/api');
  assert.equal(id('shop.com', '/api/deeper/x'), 'a/api');
  assert.equal(id('hello.example.net', '/'), 'default/hello');

  directory.apply(state('a/api', { revision: 2n, deleted: true }));
  assert.equal(id('shop.com', '/api/x'), 'a/all');
  directory.apply(state('a/all', { revision: 2n, deleted: true }));
  assert.equal(id('shop.com', '/thief/f/x'), undefined, 'no path form on a host that is owned');
  directory.applyClaim(claim('shop.com', 'a', 10, true));
  assert.equal(id('shop.com', '/login'), 'thief/f', 'the next claim');
});

test('an address is never owned, by a record of any age', () => {
  const old = { createdAtMs: 1n, acceptedRevision: 0n };
  const directory = directoryOf(
    state('thief/f', { ...old, routes: ['127.0.0.1/*', '127.1/*', 'localhost/*', '::1/*'] }),
    state('team/api'),
  );
  for (const host of ['127.0.0.1', '127.1', 'localhost', '::1']) {
    assert.equal(directory.find(host, '/team/api/x')?.entry.id, 'team/api', host);
    assert.equal(directory.find(host, '/'), undefined, host);
  }
});

test('records from before claims are served as they were, each host by the older one', () => {
  const old = (createdAtMs: bigint) => ({ createdAtMs, acceptedRevision: 0n });
  const directory = directoryOf(
    state('bank/web', { ...old(10n), routes: ['Bank.com/*'] }),
    state('thief/f', { ...old(20n), routes: ['bank.com/login*', 'mine.com'] }),
  );
  const id = (host: string, url: string) => directory.find(host, url)?.entry.id;
  assert.equal(id('bank.com', '/login'), 'bank/web');
  assert.equal(id('mine.com', '/'), 'thief/f');
  directory.applyClaim(claim('bank.com', 'bank', 10, true));
  assert.equal(id('bank.com', '/login'), 'thief/f', 'released on purpose');
});

test('the longest matching pattern wins, whatever the order of the claims', () => {
  const path = fc
    .array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 })
    .map((parts) => `/${parts.join('/')}`);
  const pattern = fc
    .tuple(path, fc.boolean())
    .map(([at, star]) => (star ? `${at === '/' ? '' : at}/*` : at));
  fc.assert(
    fc.property(fc.uniqueArray(pattern, { maxLength: 8 }), path, (patterns, wanted) => {
      const claims = patterns.map((one) => ({
        host: 'h',
        path: one,
        askedAtMs: 1,
        by: one,
        target: one,
      }));
      const forwards = new HostRoutes(claims).find('h', wanted);
      assert.equal(forwards, new HostRoutes([...claims].reverse()).find('h', wanted));
      const matches = patterns.filter((one) =>
        one.endsWith('/*') ? `${wanted}/`.startsWith(one.slice(0, -1)) : wanted === one,
      );
      const longest = Math.max(-1, ...matches.map((one) => one.replace('*', '').length));
      assert.equal(forwards === undefined, matches.length === 0);
      if (forwards !== undefined) assert.equal(forwards.replace('*', '').length, longest);
    }),
  );
});

test('hosts are normalised or refused', () => {
  assert.equal(normaliseHost('Hello.LOCALHOST:8080'), 'hello.localhost');
  assert.equal(normaliseHost('a.b.'), 'a.b');
  assert.equal(normaliseHost('[::1]:80'), '::1');
  assert.equal(normaliseHost('[::FFFF:1.2.3.4]'), '::ffff:1.2.3.4');
  for (const bad of ['', 'a b', 'a:b', 'a:1:2', 'a/b', 'a@b', '[::1', '[x]', 'a\t', 'ä', ':80']) {
    assert.equal(normaliseHost(bad), undefined, JSON.stringify(bad));
  }
});

test('request headers: nothing of the hop and no claim survives, in any spelling', () => {
  const names = fc.constantFrom(
    'Connection',
    'keep-alive',
    'TE',
    'Transfer-encoding',
    'X-Forwarded-For',
    'x-forwarded-proto',
    'X-Forwarded-Whatever',
    'Forwarded',
    'POPMESH-Anything',
    'popmesh-function',
    'X-Real-Ip',
    'Proxy-Connection',
    'Accept',
    'X-Mine',
    'Cookie',
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(names, fc.constantFrom('a', 'b, c', 'x-mine'))), (pairs) => {
      const raw = pairs.flat();
      const head = readRequestHead(raw, false);
      for (let i = 0; i < head.out.length; i += 2) {
        assert.match(head.out[i] as string, /^(accept|x-mine|cookie)$/i);
      }
      const named = pairs.some(([name, value]) => name === 'Connection' && value === 'x-mine');
      const kept = head.out.some((text, i) => i % 2 === 0 && text === 'X-Mine');
      if (head.refusal === undefined && named) assert.equal(kept, false);
    }),
  );
});

test('a trusted proxy is believed', () => {
  const head = readRequestHead(
    [
      'X-Forwarded-For',
      '9.9.9.9',
      'x-forwarded-for',
      '8.8.8.8',
      'X-Forwarded-Proto',
      'https',
      'popmesh-client-location',
      '1,2',
      'popmesh-timeout-ms',
      '50',
      'traceparent',
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'Idempotency-Key',
      'k',
    ],
    true,
  );
  assert.equal(head.forwardedFor, '9.9.9.9, 8.8.8.8');
  assert.equal(head.forwardedProto, 'https');
  assert.equal(head.clientLocation, '1,2');
  assert.equal(head.timeoutMs, '50');
  assert.equal(head.traceId, '0af7651916cd43dd8448eb211c80319c');
  assert.equal(head.idempotencyKey, true);
});

test('the client is the right-most address that is not a proxy of ours', () => {
  const clients = new Clients(['10.0.0.0/8', 'fd00::/8'], undefined, { latitude: 1, longitude: 2 });
  const peer = clients.peer('::ffff:10.1.1.1');
  assert.equal(peer.trusted, true);
  assert.equal(clients.clientAddress(peer, '1.1.1.1, 2.2.2.2, 10.0.0.5'), '2.2.2.2');
  assert.equal(clients.clientAddress(peer, '10.0.0.7'), '10.0.0.7');
  assert.equal(clients.clientAddress(peer, 'nonsense'), '10.1.1.1');
  // With a port it is an address as well, or all clients of such a proxy would count as none.
  assert.equal(clients.clientAddress(peer, '1.1.1.1, 2.2.2.2:5000'), '2.2.2.2');
  assert.equal(clients.clientAddress(peer, '[2001:db8::1]:5000'), '2001:db8::1');
  assert.equal(clients.clientAddress(peer, '[2001:db8::1], 10.0.0.5:80'), '2001:db8::1');
  // What stands left of it is the client's own word, however much of it there is.
  assert.equal(clients.clientAddress(peer, `${'9.9.9.9, '.repeat(50)}2.2.2.2`), '2.2.2.2');
  assert.equal(clients.clientAddress(clients.peer('3.3.3.3'), '1.1.1.1'), '3.3.3.3');
  assert.equal(clients.peer('fd00::1').trusted, true);
  assert.equal(clients.claimedPlace('1.5,2.5', undefined)?.text, '1.5,2.5');
  assert.equal(clients.claimedPlace('x', undefined), undefined);
});

test('response headers: repeated ones stay apart, internal and hop ones go', () => {
  const out: string[] = [];
  responseHeaders(
    {
      'set-cookie': ['a', 'b'],
      connection: 'close, x-hop',
      'x-hop': '1',
      'transfer-encoding': 'chunked',
      'popmesh-version': '1',
      'popmesh-node': 'spoofed',
      'popmesh-overload': '1',
      'server-timing': 'x',
      etag: '"e"',
    },
    out,
    { via: 'name', host: 'hello.localhost', entry: { id: 'default/hello' } },
  );
  assert.deepEqual(out, [
    'set-cookie',
    'a',
    'set-cookie',
    'b',
    'popmesh-version',
    '1',
    'etag',
    '"e"',
  ]);
});
