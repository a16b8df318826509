import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHeaderLines } from '../../worker/header-lines.ts';
import { BytePipe } from '../../worker/pipes.ts';
import { BodySink } from '../body-sink.ts';
import { Fields } from '../fields.ts';
import type { IncomingRequest } from '../http-incoming.ts';
import { OutgoingBody, OutgoingResponse } from '../http-outgoing.ts';
import { InputStream } from '../input-stream.ts';
import type { IoError } from '../io-error.ts';
import { WASI_LIMITS } from '../limits.ts';
import type { OutputStream } from '../output-stream.ts';
import type { Pollable } from '../pollable.ts';
import { MEMORY_BYTES, newTable, openAbi, request } from './rig.ts';

test('a request is read as it is: other methods, UTF-8, bytes that are no UTF-8', () => {
  const abi = openAbi();
  const requests = newTable<IncomingRequest>();
  const fields = newTable<Fields>();
  const self = requests.add(request(abi.lifetime));
  const bind = (name: string, ...more: unknown[]) =>
    abi.bind(`wasi:http/types#${name}`, [requests, ...more] as never);

  bind('IncomingRequest.method')(self, 64);
  assert.equal(abi.byte(64), 9);
  assert.equal(abi.text(68), 'BREW');
  bind('IncomingRequest.scheme')(self, 64);
  assert.deepEqual([abi.byte(64), abi.byte(68)], [1, 0]);
  bind('IncomingRequest.authority')(self, 64);
  assert.equal(abi.text(68), 'häuser.example:8080');
  bind('IncomingRequest.pathWithQuery')(self, 64);
  assert.equal(abi.text(68), '/straße?q=1');

  const headers = bind('IncomingRequest.headers', fields)(self) as number;
  abi.bind('wasi:http/types#Fields.entries', [fields] as never)(headers, 64);
  const list = abi.u32(64);
  assert.equal(abi.u32(68), 2);
  assert.deepEqual(
    [0, 8, 16].map((offset) => abi.text(list + offset)),
    ['accept', 'text/plain', 'x-latin'],
  );
  const bytes = new Uint8Array(abi.memory.buffer, abi.u32(list + 24), abi.u32(list + 28));
  assert.deepEqual([...bytes], [0xff, 0xe9]);
  const get = abi.bind('wasi:http/types#Fields.get', [fields] as never);
  get(headers, ...abi.put(0, 'ACCEPT'), 64);
  assert.equal(abi.u32(68), 1);
  assert.equal(abi.text(abi.u32(64)), 'text/plain');
});

test('headers as lines are what they are as a list, forbidden ones left out', () => {
  const name = fc.oneof(
    fc.constantFrom('host', 'connection', 'user-agent', 'te', 'x-te', 'upgrade', 'keep-alivf'),
    fc.stringMatching(/^[a-z0-9-]{1,24}$/),
  );
  const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[ -~\x80-\xff]{0,300}[!-~\x80-\xff])?)?$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (headers) => {
      const expected = Fields.incoming(headers).entries();
      const lines = toHeaderLines(headers);
      assert.deepEqual(Fields.incomingLines(lines).entries(), expected);
      assert.deepEqual(
        Fields.incomingLines(lines.replace(/^([^:\n]*): /gm, '$1:\t '))
          .clone()
          .entries(),
        expected,
      );
      const abi = openAbi();
      const fields = newTable<Fields>();
      const self = fields.add(Fields.incomingLines(lines));
      abi.bind('wasi:http/types#Fields.entries', [fields] as never)(self, 64);
      const list = abi.u32(64);
      const lowered = Array.from({ length: abi.u32(68) }, (_, index) => {
        const at = list + index * 16;
        const pointer = abi.u32(at + 8);
        const bytes = new Uint8Array(abi.memory.buffer).slice(pointer, pointer + abi.u32(at + 12));
        return [abi.text(at), Buffer.from(bytes)];
      });
      assert.deepEqual(lowered, expected);
    }),
    { numRuns: 300 },
  );
  assert.throws(() => Fields.incomingLines(': no name\n').entries(), /no name/);
  assert.throws(() => Fields.incomingLines('no colon\nx: y\n').entries(), /no name/);
});

test('a response is made: headers, status, a body in one piece', () => {
  const abi = openAbi();
  const fields = newTable<Fields>();
  const responses = newTable<OutgoingResponse>();
  const bodies = newTable<OutgoingBody>();
  const streams = newTable<OutputStream>();
  const errors = newTable<IoError>();
  const http = (name: string, ...tables: unknown[]) =>
    abi.bind(`wasi:http/types#${name}`, tables as never);

  const headers = http('new Fields', fields)() as number;
  const append = http('Fields.append', fields);
  const value = abi.put(100, 'ok');
  const outcome = (name: string): [number, number] => {
    append(headers, ...abi.put(0, name), ...value, 64);
    return [abi.byte(64), abi.byte(65)];
  };
  assert.equal(outcome('X-One')[0], 0);
  assert.deepEqual(outcome('a b'), [1, 0]);
  // KELVIN SIGN, whose lower case is an ASCII letter.
  assert.deepEqual(outcome('\u212a'), [1, 0]);
  assert.deepEqual(outcome('Host'), [1, 1]);
  const response = http('new OutgoingResponse', fields, responses)(headers) as number;
  assert.deepEqual(responses.get(response).headers().entries(), [['x-one', Buffer.from('ok')]]);
  const setStatus = http('OutgoingResponse.setStatusCode', responses);
  assert.deepEqual([setStatus(response, 204), setStatus(response, 99)], [0, 1]);

  http('OutgoingResponse.body', responses, bodies)(response, 64);
  const body = abi.u32(68);
  http('OutgoingBody.write', bodies, streams)(body, 64);
  assert.equal(abi.byte(64), 0);
  const stream = abi.u32(68);
  const io = (name: string) => abi.bind(`wasi:io/streams#${name}`, [streams, errors] as never);
  io('OutputStream.checkWrite')(stream, 64);
  assert.equal(abi.u32(72), WASI_LIMITS.outputBufferBytes);
  io('OutputStream.write')(stream, ...abi.put(200, 'hello'), 64);
  assert.equal(abi.byte(64), 0);
  // The guest's memory is its own again.
  abi.put(200, 'XXXXX');
  const finish = abi.bind('wasi:http/types#OutgoingBody.finish', [bodies, fields] as never);
  finish(body, 0, 0, 64);
  const { sink } = OutgoingResponse.parts(responses.get(response));
  assert.deepEqual(sink?.takeAll(), { kind: 'bytes', bytes: new Uint8Array(Buffer.from('hello')) });
  // Ended streams say so.
  io('OutputStream.checkWrite')(stream, 64);
  assert.deepEqual([abi.byte(64), abi.byte(72)], [1, 1]);
  assert.throws(() => finish(body, 0, 0, 64), /unknown handle/);
});

test('a body that has an error to tell, or trailers, is finished by the glue', () => {
  const abi = openAbi();
  const bodies = newTable<OutgoingBody>();
  const short = () =>
    bodies.add(new OutgoingBody(abi.lifetime, new BodySink(5), 'HTTP-response-body-size'));
  const calls: unknown[][] = [];
  const finish = abi.bind('wasi:http/types#OutgoingBody.finish', [bodies] as never, (...args) => {
    calls.push(args);
  });
  const handle = short();
  finish(handle, 0, 0, 64);
  const whole = bodies.add(
    new OutgoingBody(abi.lifetime, new BodySink(undefined), 'HTTP-response-body-size'),
  );
  finish(whole, 1, 7, 64);
  assert.deepEqual(calls, [
    [handle, 0, 0, 64],
    [whole, 1, 7, 64],
  ]);
  bodies.get(whole);
});

test('streams and pollables: what is ready answers at once, what is not waits', async () => {
  const abi = openAbi();
  const inputs = newTable<InputStream>();
  const errors = newTable<IoError>();
  const pollables = newTable<Pollable>();
  const pipe = new BytePipe(1024);
  const input = inputs.add(new InputStream(abi.lifetime, { kind: 'pipe', pipe }));
  const stream = (name: string, ...tables: unknown[]) =>
    abi.bind(`wasi:io/streams#InputStream.${name}`, [inputs, ...tables] as never);
  const poll = abi.bind('wasi:io/poll#poll', [pollables] as never);

  const pollable = stream('subscribe', pollables)(input) as number;
  new DataView(abi.memory.buffer).setUint32(0, pollable, true);
  const waiting = poll(0, 1, 64);
  assert.ok(waiting instanceof Promise);
  await pipe.write(Buffer.from('abc'));
  await waiting;
  assert.deepEqual([abi.u32(abi.u32(64)), abi.u32(68)], [0, 1]);
  assert.equal(poll(0, 1, 64), undefined);
  assert.equal(abi.bind('wasi:io/poll#Pollable.ready', [pollables] as never)(pollable), 1);

  assert.equal(stream('blockingRead', errors)(input, 2n, 64), undefined);
  assert.deepEqual([abi.byte(64), abi.text(68)], [0, 'ab']);
  pipe.close('it broke');
  // -1 is the largest u64 there is.
  stream('read', errors)(input, -1n, 64);
  assert.equal(abi.text(68), 'c');
  await stream('blockingRead', errors)(input, 1n, 64);
  assert.deepEqual([abi.byte(64), abi.byte(68)], [1, 0]);
  assert.match(errors.get(abi.u32(72)).toDebugString(), /it broke/);
  stream('read', errors)(input, 1n, 64);
  assert.deepEqual([abi.byte(64), abi.byte(68)], [1, 1]);
});

test('handles: none, dropped, of another place after wrapping round', () => {
  const table = newTable<Fields>();
  const first = table.add(new Fields());
  const second = table.add(new Fields());
  for (const handle of [0, -1, 99, first + 2 ** 30, first - 2 ** 31, Number.NaN]) {
    assert.throws(() => table.get(handle), /unknown handle/, String(handle));
    assert.throws(() => table.take(handle), /unknown handle/, String(handle));
  }
  table.take(first);
  assert.throws(() => table.get(first), /unknown handle/);
  assert.throws(() => table.take(first), /unknown handle/);
  assert.equal(table.add(new Fields()), first, 'a free place is used again');
  table.get(second);
  const full = newTable<Fields>();
  assert.throws(() => {
    for (let i = 0; i <= WASI_LIMITS.handles; i++) full.add(new Fields());
  }, /more resources/);
});

test('an allocator that lies, grows the memory, or calls out', () => {
  const run = (realloc: () => number, abi = openAbi()) => {
    const requests = newTable<IncomingRequest>();
    const self = requests.add(request(abi.lifetime));
    abi.realloc = realloc;
    abi.bind('wasi:http/types#IncomingRequest.pathWithQuery', [requests] as never)(self, 64);
    return abi;
  };
  for (const pointer of [MEMORY_BYTES, MEMORY_BYTES - 3, -1, 2 ** 31, Number.NaN]) {
    const abi = openAbi();
    if (Number.isNaN(pointer)) run(() => pointer, abi);
    else {
      assert.throws(() => run(() => pointer, abi), /beyond the memory/);
      assert.throws(() => abi.lifetime.check(), /beyond the memory/, 'the instance has ended');
    }
  }
  const growing = openAbi();
  run(() => {
    growing.memory.grow(1);
    return MEMORY_BYTES + 8;
  }, growing);
  assert.equal(growing.text(68), '/straße?q=1');
  const calling = openAbi();
  const fields = newTable<Fields>();
  const make = calling.bind('wasi:http/types#new Fields', [fields] as never);
  assert.throws(() => run(() => make() as number, calling), /cannot leave/);
  assert.equal(fields.add(new Fields()), 1, 'nothing was made');
});

test('text that is not UTF-8 traps, and so does an area that is not aligned', () => {
  const abi = openAbi();
  const fields = newTable<Fields>();
  const self = fields.add(new Fields());
  const append = abi.bind('wasi:http/types#Fields.append', [fields] as never);
  new Uint8Array(abi.memory.buffer).set([0x61, 0xff], 0);
  assert.throws(() => append(self, 0, 2, 0, 1, 64), TypeError);
  const entries = abi.bind('wasi:http/types#Fields.entries', [fields] as never);
  assert.throws(() => entries(self, 65), /not aligned/);
  assert.deepEqual(fields.get(self).entries(), []);
});
