import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientKey } from './client-address.ts';

test('an IPv4 address is one client, however it is written', () => {
  for (const written of ['1.2.3.4', '::ffff:1.2.3.4', '::FFFF:102:304', '0:0:0:0:0:ffff:1.2.3.4']) {
    assert.equal(clientKey(written), '1.2.3.4', written);
  }
  assert.notEqual(clientKey('1.2.3.5'), clientKey('1.2.3.4'));
});

test('a whole IPv6 /64 is one client, its neighbour is another', () => {
  const one = clientKey('2001:db8:1:2::1');
  for (const written of [
    '2001:db8:1:2:ffff::',
    '2001:0DB8:0001:0002:0:0:0:9',
    '2001:db8:1:2::1%eth0',
  ]) {
    assert.equal(clientKey(written), one, written);
  }
  assert.notEqual(clientKey('2001:db8:1:3::1'), one);
  assert.notEqual(clientKey('2001:db8:1::2:1'), one);
  assert.equal(clientKey('::1'), '0:0:0:0::/64');
});

test('what is no address stands for itself', () => {
  assert.equal(clientKey(''), '');
  assert.equal(clientKey('a:b'), 'a:b');
});
