import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hostNameOf, isHostName, isRoutePath, isWithinDomain } from './host-name.ts';

const ADDRESSES = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '1.2.3.4.5',
  '1.2.3.256',
  '0.0.0.0',
  '::1',
  '[::1]',
  '[::ffff:127.0.0.1]',
  'fe80--1',
  'a.0x1',
  'a.09',
  'example.1',
];

test('addresses are no host names, in no spelling', () => {
  for (const text of ADDRESSES) assert.equal(isHostName(text), false, text);
});

test('what has one meaning, and is one whole name', () => {
  for (const host of [
    'a.b',
    'www.bank.example',
    '1.2.3.4.nip.io',
    'xn--mnchen-3ya.de',
    '4chan.org',
  ])
    assert.equal(isHostName(host), true, host);
  for (const text of [
    '',
    '.',
    'localhost',
    'com',
    'a.b.',
    '.a.b',
    'a..b',
    'A.b',
    'münchen.de',
    'xn--mnchen-3YA.de',
    '*.example.com',
    'a_b.com',
    '-a.com',
    'a-.com',
    'a.com:80',
    'a.com/',
    'user@a.com',
    ' a.com',
    'a.com\n',
    'a%2ecom',
    'a。com',
    `${'a'.repeat(64)}.com`,
    `${'a.'.repeat(126)}com`,
  ]) {
    assert.equal(isHostName(text), false, JSON.stringify(text));
  }
});

test('a host name stays itself in every URL parser, whatever the text', () => {
  const part = fc.constantFrom(
    'a',
    '0',
    '1',
    '127',
    '0x7f',
    'xn--',
    '-',
    '.',
    'B',
    '_',
    'é',
    '%61',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(part).map((parts) => parts.join('')),
        fc.string(),
      ),
      (text) => {
        if (!isHostName(text)) return;
        const url = new URL(`http://${text}/`);
        assert.equal(url.hostname, text);
        assert.doesNotMatch(url.hostname, /^[\d.]+$/);
      },
    ),
  );
});

test("a person's spelling is helped, an address is not", () => {
  assert.equal(hostNameOf('WWW.Bank.Example.'), 'www.bank.example');
  assert.equal(hostNameOf('München.de'), 'xn--mnchen-3ya.de');
  for (const text of [...ADDRESSES, 'localhost', 'a.com:81', 'x@a_b.com', ''])
    assert.equal(hostNameOf(text), undefined, text);
});

test('the domain itself and what is below it, and not what only ends like it', () => {
  assert.equal(isWithinDomain('example.net', 'example.net'), true);
  assert.equal(isWithinDomain('a.b.example.net', 'example.net'), true);
  assert.equal(isWithinDomain('badexample.net', 'example.net'), false);
});

test('paths of routes', () => {
  for (const path of ['/', '/*', '/api/*', '/login*', "/a%2Fb/~c'", '/..a', '/a..', '/...', '//x'])
    assert.equal(isRoutePath(path), true, path);
  for (const path of [
    '',
    'api',
    '/a/../b',
    '/..',
    '/./x',
    '/%2e%2E/x',
    '/.%2e',
    '/a/..*',
    '/*/b',
    '/**',
    '/a?b',
    '/a#b',
    '/a b',
    '/a\\b',
    '/%zz',
    '/é',
    `/${'a'.repeat(1024)}`,
  ]) {
    assert.equal(isRoutePath(path), false, path);
  }
});
