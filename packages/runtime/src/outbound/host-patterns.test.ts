import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHostMatcher } from './host-patterns.ts';

test('default deny', () => {
  assert.equal(createHostMatcher([])('example.com', 443, 'https'), false);
});

test('exact hosts, sub-domains, ports', () => {
  const match = createHostMatcher([
    'api.example.com',
    'Other.Example.com:8443',
    '*.example.org',
    '127.0.0.1:1234',
    '[::1]:99',
  ]);
  assert.equal(match('api.example.com', 443, 'https'), true);
  assert.equal(match('api.example.com', 80, 'http'), true);
  assert.equal(match('api.example.com.', 443, 'https'), true);
  assert.equal(match('api.example.com', 8443, 'https'), false);
  assert.equal(match('api.example.com', 443, 'http'), false);
  assert.equal(match('xapi.example.com', 443, 'https'), false);
  assert.equal(match('other.example.com', 8443, 'https'), true);
  assert.equal(match('other.example.com', 443, 'https'), false);
  assert.equal(match('a.example.org', 443, 'https'), true);
  assert.equal(match('a.b.example.org', 443, 'https'), true);
  assert.equal(match('example.org', 443, 'https'), false);
  assert.equal(match('evilexample.org', 443, 'https'), false);
  assert.equal(match('a.example.org.evil.com', 443, 'https'), false);
  assert.equal(match('127.0.0.1', 1234, 'http'), true);
  assert.equal(match('[::1]', 99, 'http'), true);
});

test('"*" is every host on the usual ports', () => {
  const match = createHostMatcher(['*']);
  assert.equal(match('anything.example', 443, 'https'), true);
  assert.equal(match('anything.example', 8443, 'https'), false);
});

test('a pattern that is none is refused', () => {
  for (const bad of ['', 'a b', 'http://x', 'a/b', 'a*b.com', '*.', 'x:99999', 'u@h', '**.x']) {
    assert.throws(() => createHostMatcher([bad]), { code: 'invalid_config' }, bad);
  }
});
