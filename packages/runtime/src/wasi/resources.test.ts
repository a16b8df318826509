import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realClock } from '@popmesh/daemon';
import { BytePipe } from '../worker/pipes.ts';
import { BodySink } from './body-sink.ts';
import { createClocks } from './clocks.ts';
import { contentLength, Fields } from './fields.ts';
import { Descriptor, getDirectories } from './filesystem.ts';
import { createOutgoingHandler } from './http-client.ts';
import { createOutgoingClasses, OutgoingBody } from './http-outgoing.ts';
import { InputStream } from './input-stream.ts';
import { WASI_LIMITS } from './limits.ts';
import { OutputStream } from './output-stream.ts';
import { createPoll } from './pollable.ts';
import { Lifetime } from './readiness.ts';
import { LineSink } from './standard-streams.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

test('fields: names are case-insensitive, values stay bytes', () => {
  const fields = new Fields();
  assert.equal(fields.append('X-A', Uint8Array.of(0x61, 0xe9)).tag, 'ok');
  fields.append('x-a', bytes('two'));
  assert.deepEqual(
    fields.get('x-A').map((value) => [...value]),
    [[0x61, 0xe9], [...bytes('two')]],
  );
  fields.set('x-a', [bytes('one')]);
  assert.equal(fields.entries().length, 1);
  fields.delete('X-A');
  assert.equal(fields.has('x-a'), false);
});

test('fields: invalid, forbidden and immutable are told apart', () => {
  const fields = new Fields();
  const tag = (result: { tag: string; val?: unknown }): unknown =>
    result.tag === 'err' ? (result.val as { tag: string }).tag : result.tag;
  assert.equal(tag(fields.append('a b', bytes('x'))), 'invalid-syntax');
  assert.equal(tag(fields.append('', bytes('x'))), 'invalid-syntax');
  assert.equal(tag(fields.append('a', bytes('x\r\ny: z'))), 'invalid-syntax');
  assert.equal(tag(fields.append('a', bytes('x\0'))), 'invalid-syntax');
  for (const name of ['Host', 'connection', 'Transfer-Encoding', 'upgrade', 'keep-alive']) {
    assert.equal(tag(fields.set(name, [bytes('x')])), 'forbidden', name);
  }
  assert.equal(tag(Fields.fromList([['te', bytes('x')]])), 'forbidden');
  const incoming = Fields.incoming([
    ['a', '1'],
    ['host', 'x'],
  ]);
  assert.equal(tag(incoming.append('b', bytes('2'))), 'immutable');
  assert.equal(tag(incoming.delete('a')), 'immutable');
  assert.equal(incoming.has('host'), false);
  assert.equal(tag(incoming.clone().append('b', bytes('2'))), 'ok');
  assert.throws(() => {
    for (let i = 0; i < 2_000; i++) fields.append('x', bytes('y'));
  }, /more headers than/);
});

test('fields: an object that only looks like one is refused', () => {
  const forged = Object.create(Fields.prototype) as Fields;
  assert.throws(() => forged.get('a'), TypeError);
  assert.throws(() => forged.append('a', bytes('b')), TypeError);
});

test('content-length: none, one, several, nonsense', () => {
  assert.equal(contentLength([]), undefined);
  assert.equal(contentLength([['content-length', '12']]), 12);
  for (const value of ['-1', '1.5', '0x10', ' 1', '1e3', '99999999999999999999']) {
    assert.equal(contentLength([['content-length', value]]), Number.NaN, value);
  }
  assert.equal(
    contentLength([
      ['content-length', '1'],
      ['content-length', '2'],
    ]),
    Number.NaN,
  );
});

test('an outgoing body must be as long as it promised', () => {
  const lifetime = new Lifetime();
  const make = () => {
    const { OutgoingResponse } = createOutgoingClasses(lifetime);
    const fields = new Fields();
    fields.append('content-length', bytes('5'));
    const body = new OutgoingResponse(fields).body();
    assert.ok(body.tag === 'ok');
    const stream = body.val.write();
    assert.ok(stream.tag === 'ok');
    return { body: body.val, stream: stream.val };
  };
  const exact = make();
  exact.stream.write(bytes('12345'));
  assert.equal(OutgoingBody.finish(exact.body, undefined).tag, 'ok');

  const short = make();
  short.stream.write(bytes('123'));
  assert.deepEqual(OutgoingBody.finish(short.body, undefined), {
    tag: 'err',
    val: { tag: 'HTTP-response-body-size', val: 3n },
  });

  const long = make();
  assert.equal(long.stream.write(bytes('123456')).tag, 'err');
  assert.equal(OutgoingBody.finish(long.body, undefined).tag, 'err');
});

test('bodies, streams and responses are given once', () => {
  const { OutgoingResponse } = createOutgoingClasses(new Lifetime());
  const response = new OutgoingResponse(new Fields());
  const first = response.body();
  assert.ok(first.tag === 'ok');
  assert.equal(response.body().tag, 'err');
  assert.equal(first.val.write().tag, 'ok');
  assert.equal(first.val.write().tag, 'err');
  assert.equal(response.setStatusCode(99).tag, 'err');
  assert.equal(response.setStatusCode(1000).tag, 'err');
  assert.equal(response.headers().append('a', bytes('b')).tag, 'err');
});

test('outgoing requests: method, path, scheme and authority are checked', () => {
  const { OutgoingRequest } = createOutgoingClasses(new Lifetime());
  const request = new OutgoingRequest(new Fields());
  assert.equal(request.setMethod({ tag: 'other', val: 'BAD METHOD' }).tag, 'err');
  assert.equal(request.setMethod({ tag: 'other', val: 'PURGE' }).tag, 'ok');
  assert.equal(request.setPathWithQuery('/a b').tag, 'err');
  assert.equal(request.setPathWithQuery('//x\r\n').tag, 'err');
  assert.equal(request.setScheme({ tag: 'other', val: 'ftp' }).tag, 'err');
  assert.equal(request.setAuthority('user@example.com').tag, 'err');
  assert.equal(request.setAuthority('example.com/x').tag, 'err');
  assert.equal(request.setAuthority('example.com:8080').tag, 'ok');
});

test('output: check-write bounds what is held, and more traps', async () => {
  const lifetime = new Lifetime();
  const sink = new BodySink(undefined);
  const pipe = new BytePipe(0);
  sink.attach(pipe);
  const stream = new OutputStream(sink, lifetime);
  const permitted = stream.checkWrite();
  assert.ok(permitted.tag === 'ok');
  stream.write(new Uint8Array(Number(permitted.val)));
  assert.deepEqual(stream.checkWrite(), { tag: 'ok', val: 0n });
  assert.throws(() => stream.write(Uint8Array.of(1)), /more than check-write/);
  assert.equal(stream.subscribe().ready(), false);
  const ready = stream.subscribe().block();
  await pipe.read();
  await ready;
  assert.notDeepEqual(stream.checkWrite(), { tag: 'ok', val: 0n });
  pipe.cancel();
  await stream.blockingWriteAndFlush(bytes('x'));
  assert.deepEqual(stream.checkWrite(), { tag: 'err', val: { tag: 'closed' } });
  await assert.rejects(stream.blockingWriteAndFlush(new Uint8Array(4097)), /at once/);
});

test('output: bodies of one instance hold so much together, and give it back however they end', async () => {
  const lifetime = new Lifetime();
  const { OutgoingResponse, OutgoingRequest } = createOutgoingClasses(lifetime);
  const full = new Uint8Array(WASI_LIMITS.outputBufferBytes);
  const most = WASI_LIMITS.outputTotalBytes / full.length;
  const fill = (message = new OutgoingResponse(new Fields())) => {
    const body = message.body();
    assert.ok(body.tag === 'ok');
    const stream = body.val.write();
    assert.ok(stream.tag === 'ok');
    stream.val.write(full);
    return { message, body: body.val, sink: OutgoingResponse.parts(message).sink as BodySink };
  };
  const all = Array.from({ length: most - 4 }, () => fill());
  const ends: (() => void)[] = [
    () => all[0]?.message[Symbol.dispose](),
    () => all[1]?.body[Symbol.dispose](),
    () => all[2]?.sink.fail('broken'),
    () => all[3]?.sink.takeAll(),
    () => {
      const pipe = new BytePipe(0);
      all[4]?.sink.attach(pipe);
      pipe.cancel();
    },
    () => {
      const { message, body } = all[5] as ReturnType<typeof fill>;
      OutgoingBody.finish(body, undefined);
      message[Symbol.dispose]();
    },
    () => {
      const { message } = fill(new OutgoingRequest(new Fields()) as never);
      const handle = createOutgoingHandler({} as never, lifetime, () => undefined);
      assert.equal(handle(message as never, undefined).tag, 'err', 'it has no address');
    },
  ];
  for (const end of ends) end();
  await new Promise(setImmediate);
  for (let i = 0; i < 4 + ends.length - 1; i++) fill();
  assert.throws(() => fill(), /hold more than 33554432 bytes/);
  assert.throws(() => lifetime.check(), /hold more/, 'it is the end of the instance');
});

test('input: reads, ends, and tells a broken end from a clean one', async () => {
  const lifetime = new Lifetime();
  const pipe = new BytePipe(1024);
  const stream = new InputStream(lifetime, { kind: 'pipe', pipe });
  assert.deepEqual(stream.read(10n), { tag: 'ok', val: new Uint8Array(0) });
  await pipe.write(bytes('abcdef'));
  assert.deepEqual(await stream.blockingRead(2n), { tag: 'ok', val: bytes('ab') });
  assert.deepEqual(stream.skip(1n), { tag: 'ok', val: 1n });
  pipe.close('it broke');
  assert.deepEqual(stream.read(99n), { tag: 'ok', val: bytes('def') });
  const broken = await stream.blockingRead(1n);
  assert.ok(broken.tag === 'err' && broken.val.tag === 'last-operation-failed');
  assert.match(broken.val.val.toDebugString(), /it broke/);
  assert.deepEqual(stream.read(1n), { tag: 'err', val: { tag: 'closed' } });
});

test('splice moves what both sides permit', async () => {
  const lifetime = new Lifetime();
  const sink = new BodySink(undefined);
  const output = new OutputStream(sink, lifetime);
  const input = new InputStream(lifetime, { kind: 'text', text: 'hello' });
  assert.deepEqual(output.splice(input, 2n), { tag: 'ok', val: 2n });
  assert.deepEqual(await output.blockingSplice(input, 99n), { tag: 'ok', val: 3n });
  assert.equal(output.splice(input, 1n).tag, 'err');
  sink.finish();
  assert.deepEqual(sink.takeAll(), { kind: 'bytes', bytes: new Uint8Array(bytes('hello')) });
});

test('poll answers the ready ones, waits for the rest, and ends with the instance', async () => {
  const lifetime = new Lifetime();
  const poll = createPoll(lifetime);
  const clocks = createClocks(realClock, lifetime).monotonic;
  const soon = clocks.subscribeDuration(5_000_000n);
  const late = clocks.subscribeDuration(60_000_000_000n);
  assert.deepEqual(await poll([late, soon]), Uint32Array.of(1));
  assert.deepEqual(await poll([clocks.subscribeInstant(0n), late]), Uint32Array.of(0));
  await assert.rejects(createPoll(new Lifetime())([]), /empty/);
  await assert.rejects(createPoll(new Lifetime())([{} as never]), /not a pollable/);
  const waiting = poll([late]);
  lifetime.end(new Error('over'));
  await assert.rejects(waiting, /over/);
  await assert.rejects(late.block(), /over/);
});

test('time is coarse and begins with the instance', () => {
  let hostMs = 7_000.25;
  const clock = { ...realClock, monotonic: () => hostMs, now: () => 1_500.75 };
  const { monotonic, wall } = createClocks(clock, new Lifetime());
  assert.equal(monotonic.now(), 0n);
  hostMs += 2.9;
  assert.equal(monotonic.now(), 2_000_000n);
  assert.deepEqual(wall.now(), { seconds: 1n, nanoseconds: 500_000_000 });
});

test('log lines: split, joined, bounded', () => {
  const lines: string[] = [];
  const sink = new LineSink('info', (_, line) => lines.push(line));
  sink.write(bytes('one\ntwo\r\n\nthr'));
  sink.write(bytes('ee'));
  sink.end();
  sink.end();
  assert.deepEqual(lines, ['one', 'two', '', 'three']);
  sink.write(new Uint8Array(20_000).fill(0x61));
  assert.equal(lines.length, 6);
});

test('there are no files', () => {
  assert.deepEqual(getDirectories(), []);
  const descriptor = new Descriptor() as unknown as Record<string, () => unknown>;
  for (const name of ['openAt', 'readViaStream', 'stat', 'symlinkAt', 'metadataHashAt']) {
    assert.deepEqual(descriptor[name]?.(), { tag: 'err', val: 'not-permitted' });
  }
});
