import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realClock } from '@popmesh/daemon';
import type { InstanceContext } from '../worker/door.ts';
import { Fields } from './fields.ts';
import { createPipe, noOutbound } from './fixture.ts';
import { createOutgoingHandler, httpErrorCode } from './http-client.ts';
import { createOutgoingClasses, RequestOptions } from './http-outgoing.ts';
import { patientPipe } from './patient-pipe.ts';
import { Lifetime } from './readiness.ts';

const hello = new TextEncoder().encode('hello');

test('between-bytes-timeout ends a body that falls silent, and says which timeout it was', async () => {
  const pipe = createPipe();
  const outbound = {
    ...noOutbound,
    fetch: async () => ({ status: 200, headers: [], body: { kind: 'pipe' as const, pipe } }),
  };
  const context = { clock: realClock, outbound, createPipe } as unknown as InstanceContext;
  const lifetime = new Lifetime();
  const handle = createOutgoingHandler(context, lifetime, () => undefined);
  const { OutgoingRequest } = createOutgoingClasses(lifetime);
  const request = new OutgoingRequest(new Fields());
  request.setAuthority('example.com');
  const options = new RequestOptions();
  options.setBetweenBytesTimeout(20_000_000n);
  const called = handle(request, options);
  assert.ok(called.tag === 'ok');
  await called.val.subscribe().block();
  const outcome = called.val.get();
  assert.ok(outcome?.tag === 'ok' && outcome.val.tag === 'ok');
  const body = outcome.val.val.consume();
  assert.ok(body.tag === 'ok');
  const stream = body.val.stream();
  assert.ok(stream.tag === 'ok');

  const sent = pipe.write(hello);
  assert.deepEqual(await stream.val.blockingRead(9n), { tag: 'ok', val: hello });
  assert.equal(await sent, true);
  const silent = await stream.val.blockingRead(9n);
  assert.ok(silent.tag === 'err' && silent.val.tag === 'last-operation-failed');
  assert.deepEqual(httpErrorCode(silent.val.val), { tag: 'connection-read-timeout' });
  assert.equal(await pipe.write(hello), false, 'the sender is told that nobody reads on');
  assert.deepEqual(stream.val.read(1n), { tag: 'err', val: { tag: 'closed' } });
});

test('bytes, the end and a failure pass through', async () => {
  const pipe = createPipe();
  const patient = patientPipe(pipe, 60_000, realClock);
  const sent = pipe.write(hello);
  assert.deepEqual(await patient.read(), hello);
  await sent;
  pipe.close();
  assert.equal(await patient.read(), undefined);
  const broken = createPipe();
  const reading = patientPipe(broken, 60_000, realClock).read();
  broken.close('it broke');
  await assert.rejects(reading, /it broke/);
});
