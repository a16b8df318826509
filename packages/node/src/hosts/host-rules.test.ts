import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  hostsConfigSchema,
  matchesPattern,
  requireAllowed,
  requireClaimable,
} from './host-rules.ts';

const none = { domains: [], hosts: [] };
const config = (input: object) => hostsConfigSchema.parse(input);

test('addresses, the platform and what is reserved are nobody’s, in any spelling', () => {
  const hosts = config({ domain: 'Functions.Example', reserved: ['gw.net', '*.corp.net'] });
  const platform = { domains: ['other.example'], hosts: ['gw-1.net'] };
  for (const host of [
    '127.0.0.1',
    '0x7f.1',
    '2130706433',
    '::1',
    '[::1]',
    'localhost',
    'Shop.com',
    'shop.com.',
    'shop.com:80',
    '*.shop.com',
    'functions.example',
    'bank.functions.example',
    'a.b.functions.example',
    'x.other.example',
    'gw.net',
    'gw-1.net',
    'x.corp.net',
  ]) {
    assert.throws(
      () => requireClaimable(host, hosts, platform),
      { code: 'invalid_argument' },
      host,
    );
  }
  for (const host of ['shop.com', 'badfunctions.example', 'x.gw.net', 'x.gw-1.net', 'corp.net']) {
    requireClaimable(host, hosts, platform);
  }
  assert.throws(() => requireClaimable('WWW.Shop.com.', hosts, none), {
    hint: 'Write it as "www.shop.com".',
  });
});

test('without rules anybody may claim; with one, only whom a rule names', () => {
  requireAllowed('shop.com', 'alice', config({}));
  const hosts = config({
    allow: [
      { pattern: '*.alice.com', namespaces: ['alice'] },
      { pattern: 'open.com', namespaces: ['*'] },
    ],
  });
  requireAllowed('www.alice.com', 'alice', hosts);
  requireAllowed('open.com', 'bob', hosts);
  for (const [host, namespace] of [
    ['www.alice.com', 'bob'],
    ['alice.com', 'alice'],
    ['evilalice.com', 'alice'],
    ['free.com', 'alice'],
  ] as const) {
    assert.throws(() => requireAllowed(host, namespace, hosts), { code: 'permission_denied' });
  }
});

test('patterns', () => {
  assert.equal(matchesPattern('a.b.example.com', '*.example.com'), true);
  assert.equal(matchesPattern('example.com', '*.example.com'), false);
  assert.equal(matchesPattern('anything.org', '*'), true);
  for (const pattern of ['*.', '*example.com', 'a.*.com', 'Example.com', '127.0.0.1', '*.1', ''])
    assert.throws(() => config({ reserved: [pattern] }), pattern);
  config({ reserved: ['*.com', '*', 'a.b'] });
});
