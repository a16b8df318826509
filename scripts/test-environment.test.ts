import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testEnvironment } from './test-environment.ts';

test('tests see neither another mesh nor a proxy before their own servers', () => {
  const seen = testEnvironment({
    PATH: '/bin',
    POPMESH_API: 'http://elsewhere',
    POPMESH_TOKEN: 't',
    POPMESH_NODE_LISTEN__API_PORT: '1',
    POPMESH_GATEWAY_ID: 'x',
    POPMESH_SEEDS: '1000',
    NO_PROXY: 'intern.example',
  });
  const hosts = 'intern.example,127.0.0.1,::1,localhost,.localhost';
  assert.deepEqual(seen, { PATH: '/bin', POPMESH_SEEDS: '1000', no_proxy: hosts, NO_PROXY: hosts });
});
