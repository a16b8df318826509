import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BytePipe } from '../../worker/pipes.ts';
import { BodySink } from '../body-sink.ts';
import { Exchange, ResponseOutparam } from '../exchange.ts';
import { Fields } from '../fields.ts';
import { noOutbound } from '../fixture.ts';
import { IncomingBody, IncomingRequest } from '../http-incoming.ts';
import { OutgoingBody, OutgoingResponse } from '../http-outgoing.ts';
import { InputStream } from '../input-stream.ts';
import { IoError } from '../io-error.ts';
import { OutputStream } from '../output-stream.ts';
import { Pollable } from '../pollable.ts';
import type { Lifetime } from '../readiness.ts';
import { loweredNames } from './lowering.ts';
import type { Resources } from './resources.ts';
import { HEAP, MEMORY_BYTES, newTable, openAbi, request } from './rig.ts';

/** What an i32 or i64 parameter of a hostile guest may be. */
const hostile = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 2, 3, 4, 8, 64, HEAP, MEMORY_BYTES - 4) },
  fc.constantFrom(MEMORY_BYTES, -1, -4, 2 ** 31 - 1, -(2 ** 31), 2 ** 30, 2 ** 30 + 1),
  fc.integer(),
);
const hostile64 = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 4096n, 65_537n),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);

test('whatever a guest gives, only it traps: no handle of another kind, nobody else’s memory', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(
          fc.constantFrom(...loweredNames()),
          fc.array(hostile, { minLength: 9, maxLength: 9 }),
          hostile64,
        ),
        { minLength: 1, maxLength: 12 },
      ),
      fc.uint8Array({ minLength: 256, maxLength: 256 }),
      async (calls, content) => {
        const abi = openAbi();
        new Uint8Array(abi.memory.buffer).set(content, 0);
        const { lifetime } = abi;
        const tables = new Map<string, Resources<object>>();
        const table = (kind: string): Resources<object> => {
          const known = tables.get(kind) ?? newTable<object>();
          tables.set(kind, known);
          return known;
        };
        const sink = new BodySink(undefined);
        table('Fields').add(new Fields());
        table('IncomingRequest').add(request(lifetime));
        table('IncomingBody').add(
          new IncomingBody(lifetime, new InputStream(lifetime, { kind: 'text', text: 'x' })),
        );
        table('InputStream').add(new InputStream(lifetime, { kind: 'text', text: 'hello' }));
        table('OutputStream').add(new OutputStream(sink, lifetime));
        table('OutgoingBody').add(new OutgoingBody(lifetime, sink, 'HTTP-response-body-size'));
        table('OutgoingResponse').add(new OutgoingResponse(new Fields(), lifetime));
        table('Pollable').add(new OutputStream(sink, lifetime).subscribe());
        table('ResponseOutparam').add(new ResponseOutparam(exchange(lifetime)));
        const promises: Promise<unknown>[] = [];
        for (const [name, values, long] of calls) {
          const call = abi.bind(name, (TABLES[name] ?? []).map(table) as never);
          const args =
            LONG_AT[name] === undefined ? values : values.with(LONG_AT[name], long as never);
          try {
            const result = call(...args);
            if (result instanceof Promise) promises.push(result.catch(() => {}));
          } catch (caught) {
            assert.ok(caught instanceof Error);
            assert.doesNotMatch(caught.message, /is not a function|Cannot read|undefined/, name);
            assert.throws(() => lifetime.check());
          }
        }
        lifetime.end(new Error('over'));
        await Promise.all(promises);
        for (const [kind, resources] of tables) {
          for (let handle = 1; handle < 40; handle++) {
            let value: object | undefined;
            try {
              value = resources.get(handle);
            } catch {}
            if (value !== undefined) assert.ok(value instanceof (CLASSES[kind] as never), kind);
          }
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

function exchange(lifetime: Lifetime): Exchange {
  const made = new Exchange(
    1,
    {
      config: { env: {}, function: 'f', version: 1, node: 'n', pop: 'p', region: 'r' },
      clock: { now: () => 0, monotonic: () => 0, setTimer: () => ({ cancel: () => {} }) } as never,
      outbound: noOutbound,
      pipeBufferBytes: 1024,
      log: () => {},
      report: () => {},
      randomBytes: (length) => new Uint8Array(length),
      createPipe: () => new BytePipe(1024),
      retain: () => {},
      release: () => {},
    },
    lifetime,
    { method: 'GET', url: 'http://a/', headers: [], body: { kind: 'none' } },
    new AbortController().signal,
  );
  made.head.catch(() => {});
  return made;
}

const CLASSES: Readonly<Record<string, unknown>> = {
  Fields,
  IncomingRequest,
  IncomingBody,
  InputStream,
  OutputStream,
  OutgoingBody,
  OutgoingResponse,
  Pollable,
  ResponseOutparam,
  IoError,
};

/** In the order in which jco's text of each names them. */
const TABLES: Readonly<Record<string, string[]>> = {
  'wasi:http/types#new Fields': ['Fields'],
  'wasi:http/types#Fields.append': ['Fields'],
  'wasi:http/types#Fields.fromList': ['Fields'],
  'wasi:http/types#Fields.entries': ['Fields'],
  'wasi:http/types#Fields.get': ['Fields'],
  'wasi:http/types#IncomingRequest.method': ['IncomingRequest'],
  'wasi:http/types#IncomingRequest.pathWithQuery': ['IncomingRequest'],
  'wasi:http/types#IncomingRequest.authority': ['IncomingRequest'],
  'wasi:http/types#IncomingRequest.scheme': ['IncomingRequest'],
  'wasi:http/types#IncomingRequest.headers': ['IncomingRequest', 'Fields'],
  'wasi:http/types#IncomingRequest.consume': ['IncomingRequest', 'IncomingBody'],
  'wasi:http/types#IncomingBody.stream': ['IncomingBody', 'InputStream'],
  'wasi:http/types#new OutgoingResponse': ['Fields', 'OutgoingResponse'],
  'wasi:http/types#OutgoingResponse.setStatusCode': ['OutgoingResponse'],
  'wasi:http/types#OutgoingResponse.body': ['OutgoingResponse', 'OutgoingBody'],
  'wasi:http/types#OutgoingBody.write': ['OutgoingBody', 'OutputStream'],
  'wasi:http/types#OutgoingBody.finish': ['OutgoingBody', 'Fields'],
  'wasi:http/types#ResponseOutparam.set': ['ResponseOutparam', 'OutgoingResponse'],
  'wasi:io/poll#Pollable.ready': ['Pollable'],
  'wasi:io/poll#Pollable.block': ['Pollable'],
  'wasi:io/poll#poll': ['Pollable'],
  'wasi:io/streams#InputStream.subscribe': ['InputStream', 'Pollable'],
  'wasi:io/streams#InputStream.read': ['InputStream', 'IoError'],
  'wasi:io/streams#InputStream.blockingRead': ['InputStream', 'IoError'],
  'wasi:io/streams#InputStream.blockingSkip': ['InputStream', 'IoError'],
  'wasi:io/streams#OutputStream.subscribe': ['OutputStream', 'Pollable'],
  'wasi:io/streams#OutputStream.checkWrite': ['OutputStream', 'IoError'],
  'wasi:io/streams#OutputStream.write': ['OutputStream', 'IoError'],
  'wasi:io/streams#OutputStream.flush': ['OutputStream', 'IoError'],
  'wasi:io/streams#OutputStream.blockingFlush': ['OutputStream', 'IoError'],
  'wasi:io/streams#OutputStream.blockingWriteAndFlush': ['OutputStream', 'IoError'],
  'wasi:io/streams#OutputStream.blockingWriteZeroesAndFlush': ['OutputStream', 'IoError'],
  'wasi:io/streams#OutputStream.blockingSplice': ['OutputStream', 'InputStream', 'IoError'],
};

/** Where an i64 stands among the arguments. */
const LONG_AT: Readonly<Record<string, number>> = {
  'wasi:io/streams#InputStream.read': 1,
  'wasi:io/streams#InputStream.blockingRead': 1,
  'wasi:io/streams#InputStream.blockingSkip': 1,
  'wasi:io/streams#OutputStream.blockingWriteZeroesAndFlush': 1,
  'wasi:io/streams#OutputStream.blockingSplice': 2,
};
