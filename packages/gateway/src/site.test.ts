import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kinOfHosts, ownHostsAbove } from './host-routes.ts';
import { narrowed, type Site } from './site.ts';

const entry = { id: 'alice/echo' };
const path: Site = { via: 'path', host: 'popmesh.example', entry };
const name: Site = { via: 'name', host: 'hello.popmesh.example', entry };
const own: Site = { via: 'host', host: 'shop.example', entry };

const over: Site = { ...own, kin: 'beneath' };
const under: Site = { ...own, kin: 'above' };

const app: Site = { ...own, host: 'app.shop.example', ownAbove: new Set(['shop.example']) };

const cookies: readonly [Site, string, string | undefined][] = [
  // At the shared address a cookie is the function's own.
  [path, 'a=1', 'a=1; Path=/alice/echo'],
  [path, 'a=1; Path=/', 'a=1; Path=/alice/echo'],
  [path, 'a=1; HttpOnly; pAtH = /x ; Secure', 'a=1; HttpOnly; Secure; Path=/alice/echo/x'],
  [path, 'a=1; Path=/bob/shop; Path=/', 'a=1; Path=/alice/echo'],
  [path, 'a=1; Path=/alice/echo', 'a=1; Path=/alice/echo'],
  [path, 'a=1; Path=/alice/echo/x', 'a=1; Path=/alice/echo/x'],
  [path, 'a=1; Path=/alice/echoes', 'a=1; Path=/alice/echo/alice/echoes'],
  [path, 'a=1; Path=bob', 'a=1; Path=/alice/echo'],
  [path, 'a=1; Path', 'a=1; Path=/alice/echo'],
  [path, 'a=1; Domain=popmesh.example', 'a=1; Path=/alice/echo'],
  [path, 'a=1; Domain=.POPMESH.example', 'a=1; Path=/alice/echo'],
  [path, 'a=1; Domain=example', undefined],
  [path, 'a=1;domain=popmesh.example;Domain=example', undefined],
  [path, '__Host-a=1; Path=/; Secure', undefined],
  [path, '__hOST-a=1; Path=/; Secure', undefined],
  // Under its name a function reaches its host alone, and nobody under it.
  [name, 'a=1; Path=/x', 'a=1; Path=/x'],
  [name, '__Host-a=1; Path=/; Secure', '__Host-a=1; Path=/; Secure'],
  [name, 'a=1; Domain=hello.popmesh.example; Path=/', 'a=1; Path=/'],
  [name, 'a=1; Domain=popmesh.example', undefined],
  [name, 'a=1; Domain=.popmesh.example', undefined],
  [name, 'a=1; DOMAIN =example', undefined],
  [name, 'a=1; Domain=other.popmesh.example', undefined],
  [name, 'a=1; Domain=', 'a=1'],
  // A host of one's own is wholly one's own, and ends there.
  [own, 'a=1; Domain=shop.example; Path=/', 'a=1; Domain=shop.example; Path=/'],
  [own, 'a=1; Domain=example', undefined],
  // With a host of somebody else beneath it, it ends at itself.
  [over, 'a=1; Domain=shop.example; Path=/', 'a=1; Path=/'],
  [over, 'a=1; Domain=.SHOP.example', 'a=1'],
  [over, 'a=1; Domain=example', undefined],
  [under, 'a=1; Domain=shop.example', 'a=1; Domain=shop.example'],
  [under, 'a=1; Domain=example', undefined],
  // Two hosts of one owner may share a login, in the one above both.
  [app, 'a=1; Domain=.shop.example; Path=/', 'a=1; Domain=.shop.example; Path=/'],
  [app, 'a=1; Domain=shop.example; Domain=example', undefined],
  [app, 'a=1; Domain=app.shop.example', 'a=1; Domain=app.shop.example'],
];

for (const [site, sent, passes] of cookies) {
  test(`by ${site.via}, ${site.kin ?? 'alone'}: Set-Cookie: ${sent}`, () => {
    assert.equal(narrowed('set-cookie', sent, site), passes);
  });
}

test('what a browser applies to a whole origin does not pass at a shared one', () => {
  for (const header of [
    'alt-svc',
    'service-worker-allowed',
    'clear-site-data',
    'report-to',
    'nel',
  ]) {
    assert.equal(narrowed(header, 'x', path), undefined, header);
    assert.equal(narrowed(header, 'x', own), 'x', header);
  }
});

test('under a name nothing reaches the names below it, or the cookies of the whole domain', () => {
  assert.equal(
    narrowed('strict-transport-security', 'max-age=9; includeSubDomains; preload', name),
    'max-age=9',
  );
  assert.equal(narrowed('nel', '{"include_subdomains":true}', name), undefined);
  assert.equal(narrowed('nel', '{"report_to":"a"}', name), '{"report_to":"a"}');
  assert.equal(narrowed('clear-site-data', '"cookies", "storage"', name), '"storage"');
  assert.equal(narrowed('clear-site-data', '"cookies"', name), undefined);
  assert.equal(narrowed('clear-site-data', '"*"', name), '"cache", "storage"');
  assert.equal(narrowed('alt-svc', 'h3=":443"', name), 'h3=":443"');
  assert.equal(narrowed('service-worker-allowed', '/', name), '/');
});

test('with somebody else beneath or above, a host reaches neither', () => {
  const hsts = 'max-age=9; includeSubDomains; preload';
  assert.equal(narrowed('strict-transport-security', hsts, own), hsts);
  assert.equal(narrowed('strict-transport-security', hsts, over), 'max-age=9');
  assert.equal(narrowed('strict-transport-security', hsts, under), hsts);
  assert.equal(narrowed('nel', '{"include_subdomains":true}', over), undefined);
  assert.equal(narrowed('alt-svc', 'h3=":443"', over), 'h3=":443"');
  for (const site of [over, under]) {
    // Cookies are cleared for the whole registered domain.
    assert.equal(narrowed('clear-site-data', '"cookies", "storage"', site), '"storage"');
  }
});

test('only hosts of other namespaces count, those under the domain of the mesh always', () => {
  const owned = new Map([
    ['bank.example', 'mallory'],
    ['www.bank.example', 'alice'],
    ['a.www.bank.example', 'alice'],
    ['shop.example', 'bob'],
    ['www.shop.example', 'bob'],
    ['ank.example', 'carol'],
    ['provider.example', 'mallory'],
  ]);
  assert.deepEqual([...kinOfHosts(owned, 'mesh.provider.example')].sort(), [
    ['a.www.bank.example', 'above'],
    ['bank.example', 'beneath'],
    ['provider.example', 'beneath'],
    ['www.bank.example', 'above'],
  ]);
});

test('a host above is shared by hosts of one owner only while nobody else has one beneath it', () => {
  const owned = new Map([
    ['shop.example', 'alice'],
    ['app.shop.example', 'alice'],
    ['fair.example', 'alice'],
    ['www.fair.example', 'alice'],
    ['stand.fair.example', 'bob'],
    ['example', 'carol'],
  ]);
  const own = ownHostsAbove(owned, kinOfHosts(owned, 'mesh.provider.test'));
  assert.deepEqual([...own], [['app.shop.example', new Set(['shop.example'])]]);
});
