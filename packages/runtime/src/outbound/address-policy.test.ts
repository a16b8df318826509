import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAddressCheck, isPublicAddress } from './address-policy.ts';

const REFUSED = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.1.2.3',
  '169.254.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.7',
  '203.0.113.9',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '168.63.129.16',
  '::',
  '::1',
  '::127.0.0.1',
  '::7f00:1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:a9fe:a9fe',
  '::ffff:10.0.0.1',
  '::ffff:0:127.0.0.1',
  '64:ff9b::127.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:2::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  '2002:c0a8:1::1',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fd12:3456::1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '4000::1',
  'localhost',
  '',
  '1.2.3',
  'x',
];

const ALLOWED = [
  '1.1.1.1',
  '8.8.8.8',
  '93.184.216.34',
  '172.15.0.1',
  '172.32.0.1',
  '2606:4700:4700::1111',
  '2a00:1450:4001::200e',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
];

test('every private, special and malformed address is refused', () => {
  for (const address of REFUSED) assert.equal(isPublicAddress(address), false, address);
});

test('ordinary public addresses are reached', () => {
  for (const address of ALLOWED) assert.equal(isPublicAddress(address), true, address);
});

test('an IPv4 address is judged the same in each of its forms', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(octet, octet, octet, octet, (a, b, c, d) => {
      const plain = isPublicAddress(`${a}.${b}.${c}.${d}`);
      const tail = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
      assert.equal(isPublicAddress(`::ffff:${tail}`), plain);
      assert.equal(isPublicAddress(`64:ff9b::${tail}`), plain);
      assert.equal(isPublicAddress(`::${tail}`), false);
    }),
  );
});

test('an operator may allow one private endpoint, and the mesh is denied whatever is allowed', () => {
  const check = createAddressCheck({
    allowPrivate: ['127.0.0.1:1234', '[::1]:80', '10.0.0.1:7400'],
    deny: ['10.0.0.1:7400', '8.8.8.8', '[2606:4700:4700::1111]:7400'],
  });
  assert.equal(check('127.0.0.1', 1234), true);
  assert.equal(check('::ffff:127.0.0.1', 1234), true);
  assert.equal(check('127.0.0.1', 1235), false);
  assert.equal(check('::1', 80), true);
  assert.equal(check('10.0.0.1', 7400), false);
  assert.equal(check('8.8.8.8', 443), false);
  assert.equal(check('::ffff:8.8.8.8', 443), false);
  assert.equal(check('2606:4700:4700::1111', 7400), false);
  assert.equal(check('2606:4700:4700::1111', 443), true);
  assert.throws(() => createAddressCheck({ allowPrivate: ['127.0.0.1'], deny: [] }), TypeError);
});
