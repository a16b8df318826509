import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@popmesh/contracts';
import { ErrorCode, NatsError } from 'nats';
import { Health } from './health.ts';
import { fromNatsError } from './nats-errors.ts';

test('each other reason why there is no connection is news, the same again is not', () => {
  const told: (string | undefined)[] = [];
  const health = new Health(silentLogger, () => told.push(health.problem));
  for (const reason of ['refused', 'refused', 'wrong CA', 'wrong CA']) {
    health.failed('connection', reason);
  }
  health.works('connection');
  assert.deepEqual(told, ['refused', 'wrong CA', undefined]);
  // These are met with each write, under a load of them.
  for (const reason of ['a is full', 'b is full']) health.failed('records', reason);
  assert.deepEqual(told.slice(3), ['a is full']);
});

test('what the client says of TLS names the key to look at', () => {
  const said = (caught: Error): string => fromNatsError(caught, 'connect').message;
  const noTls = new NatsError('', ErrorCode.ServerOptionNotAvailable);
  assert.match(said(noTls), /^NATS: connect: the server has no TLS, which tls:/);
  const advice = 'if the root CA is installed locally, try running Node.js with --use-system-ca';
  const unknownCa = new Error(`unable to verify the first certificate; ${advice}`);
  assert.equal(
    said(unknownCa),
    'NATS: connect: unable to verify the first certificate, by the CA of nats.tls.ca_file',
  );
});
