import assert from 'node:assert/strict';
import { test } from 'node:test';
import { functionAddresses } from './function-address.ts';

const gateway = (address: string, domain?: string, state = 'ready') => ({
  id: address,
  address,
  state,
  ...(domain === undefined ? {} : { domain }),
});
const shop = {
  namespace: 'acme',
  name: 'shop',
  routes: [
    { host: 'shop.example', path: '/*' },
    { host: 'www.shop.example', path: '/buy' },
  ],
};
const anyMesh = { gateway: undefined, domain: undefined };

test("addresses have the mesh's own domain and the function's own hosts, each once", () => {
  const gateways = [
    gateway('10.0.0.1:80', 'edge.example'),
    gateway('10.0.0.2:80', 'edge.example'),
    gateway('10.0.0.3:80', 'edge.example', 'draining'),
  ];
  assert.deepEqual(functionAddresses(shop, anyMesh, gateways), [
    'http://shop.acme.edge.example/',
    'http://10.0.0.1/acme/shop/',
    'http://shop.example/',
    'http://www.shop.example/buy',
    'http://10.0.0.2/acme/shop/',
  ]);
});

test('a domain that nobody announced is not made up; a context says its own', () => {
  const plain = { namespace: 'default', name: 'hello' };
  assert.deepEqual(functionAddresses(plain, anyMesh, [gateway('10.0.0.1:8080')]), [
    'http://10.0.0.1:8080/default/hello/',
  ]);
  const dev = { gateway: 'http://127.0.0.1:8080', domain: 'localhost' };
  assert.deepEqual(functionAddresses(plain, dev, [gateway('127.0.0.1:8080', 'x')]), [
    'http://hello.localhost:8080/',
    'http://127.0.0.1:8080/default/hello/',
  ]);
});
