import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { realClock } from '@popmesh/daemon';
import { createOutbound } from '../outbound/index.ts';
import type { Body } from '../worker/door.ts';
import { BytePipe } from '../worker/pipes.ts';
import { BodySink } from './body-sink.ts';
import { Fields } from './fields.ts';
import { type FutureTrailers, IncomingRequest } from './http-incoming.ts';
import { createOutgoingClasses, OutgoingBody, OutgoingResponse } from './http-outgoing.ts';
import { Lifetime } from './readiness.ts';
import { sendBody } from './send-body.ts';

const lifetime = new Lifetime();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A request whose body comes through a pipe, and its body taken by a guest. */
function incoming(body: Body) {
  const request = new IncomingRequest(lifetime, {
    method: 'POST',
    url: 'http://a.test/',
    headers: [],
    body,
  });
  const consumed = request.consume();
  assert.equal(consumed.tag, 'ok');
  return consumed.val;
}
const finish = (body: ReturnType<typeof incoming>): FutureTrailers =>
  (body.constructor as unknown as { finish(b: unknown): FutureTrailers }).finish(body);
const given = (future: FutureTrailers): unknown => {
  const result = future.get();
  if (result?.tag !== 'ok') return result;
  if (result.val.tag === 'err') return result.val.val;
  return result.val.val === undefined ? 'none' : Fields.list(result.val.val);
};

describe('trailers that come', () => {
  test('are there once the body has been read', async () => {
    const pipe = new BytePipe(100);
    const body = incoming({ kind: 'pipe', pipe });
    const stream = body.stream();
    assert.equal(stream.tag, 'ok');
    pipe.push(bytes('abc'));
    pipe.trailers = 'x-sum: 1\nx-sum: 2\nconnection: close\n';
    pipe.close();
    await stream.val.blockingRead(10n);
    const future = finish(body);
    await future.subscribe().block();
    assert.deepEqual(given(future), [
      ['x-sum', '1'],
      ['x-sum', '2'],
    ]);
    assert.deepEqual(future.get(), { tag: 'err', val: undefined }, 'given once');
  });

  test('wait for the rest of a body that nobody reads', async () => {
    const consumed: number[] = [];
    const pipe = new BytePipe(100, { onConsumed: (size) => consumed.push(size) });
    const future = finish(incoming({ kind: 'pipe', pipe }));
    assert.equal(future.get(), undefined);
    const waiting = future.subscribe().block();
    for (const part of ['one', 'two', 'three']) pipe.push(bytes(part));
    pipe.trailers = 'x-end: yes\n';
    pipe.close();
    await waiting;
    assert.deepEqual(given(future), [['x-end', 'yes']]);
    assert.equal(
      consumed.reduce((sum, size) => sum + size, 0),
      11,
    );
  });

  test('are none behind a body without, or one that was whole', async () => {
    const pipe = new BytePipe(100);
    pipe.close();
    const future = finish(incoming({ kind: 'pipe', pipe }));
    await future.subscribe().block();
    assert.equal(given(future), 'none');
    assert.equal(given(finish(incoming({ kind: 'bytes', bytes: bytes('x') }))), 'none');
    assert.equal(given(finish(incoming({ kind: 'none' }))), 'none');
  });

  test('are an error behind a body that broke', async () => {
    const pipe = new BytePipe(100);
    const future = finish(incoming({ kind: 'pipe', pipe }));
    pipe.push(bytes('part'));
    pipe.close('the client broke off');
    await future.subscribe().block();
    assert.deepEqual(given(future), { tag: 'HTTP-protocol-error' });
  });

  test('a guest that drops them leaves the rest of the body alone', () => {
    let cancelled = false;
    const pipe = new BytePipe(100, {
      onCancelled: () => {
        cancelled = true;
      },
    });
    finish(incoming({ kind: 'pipe', pipe }))[Symbol.dispose]();
    assert.equal(cancelled, true);
  });

  test('of an outbound response are those that the server sent', async (t) => {
    const server = createServer((_, response) => {
      response.writeHead(200, { trailer: 'x-sum' });
      response.write('content');
      response.addTrailers({ 'x-sum': '7' });
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const outbound = createOutbound({
      hosts: [`127.0.0.1:${port}`],
      allowPrivate: [`127.0.0.1:${port}`],
      concurrent: 1,
      total: 1,
      responseMb: 1,
      clock: realClock,
    });
    t.after(() => {
      outbound.dispose();
      server.close();
    });
    outbound.begin();
    const { body } = await outbound.fetch(
      { method: 'GET', url: `http://127.0.0.1:${port}/`, headers: [], body: { kind: 'none' } },
      new AbortController().signal,
    );
    const future = finish(incoming(body));
    await future.subscribe().block();
    assert.deepEqual(given(future), [['x-sum', '7']]);
  });
});

describe('trailers that a response ends with', () => {
  const { OutgoingResponse: Made } = createOutgoingClasses(lifetime);
  const fields = (...entries: [string, string][]): Fields => {
    const made = Fields.fromList(entries.map(([name, value]) => [name, bytes(value)]));
    assert.equal(made.tag, 'ok');
    return made.val;
  };

  /** A response with these headers, finished with those; what came of it, and what was sent. */
  function finished(headers: Fields, trailers: Fields | undefined) {
    const response = new Made(headers);
    const body = response.body();
    assert.equal(body.tag, 'ok');
    const stream = body.val.write();
    assert.equal(stream.tag, 'ok');
    stream.val.checkWrite();
    stream.val.write(bytes('text'));
    const result = OutgoingBody.finish(body.val, trailers);
    const { sink } = OutgoingResponse.parts(response);
    assert.ok(sink instanceof BodySink);
    let sent: Body | undefined;
    sendBody(sink, { clock: realClock, createPipe: () => new BytePipe(100) }, 'at-once', (it) => {
      sent = it;
    });
    return { result, sent: sent as Body | undefined };
  }

  test('make it leave in chunks, and are behind the last one', async () => {
    const { result, sent } = finished(fields(), fields(['X-Sum', '1'], ['x-sum', '2']));
    assert.equal(result.tag, 'ok');
    assert.equal(sent?.kind, 'pipe');
    const { pipe } = sent as Extract<Body, { kind: 'pipe' }>;
    assert.deepEqual(await pipe.read(), bytes('text'));
    assert.equal(await pipe.read(), undefined);
    assert.equal(pipe.trailers, 'x-sum: 1\nx-sum: 2\n');
  });

  test('are none when they are empty, and the body leaves whole', () => {
    for (const none of [undefined, fields()]) {
      const { result, sent } = finished(fields(), none);
      assert.deepEqual([result.tag, sent?.kind], ['ok', 'bytes']);
    }
  });

  test('that may not be trailers are refused, and the body ends well', () => {
    for (const name of [
      'Content-Length',
      'content-type',
      'set-cookie',
      'trailer',
      'authorization',
      'cache-control',
      'if-match',
      'location',
      'vary',
      'www-authenticate',
    ]) {
      const { result, sent } = finished(fields(), fields(['x-fine', '1'], [name, '1']));
      assert.deepEqual(
        result,
        { tag: 'err', val: { tag: 'HTTP-protocol-error', val: undefined } },
        name,
      );
      assert.equal(sent?.kind, 'bytes', name);
    }
  });

  test('behind a content-length, and more than 8 KB of them, are refused', () => {
    const whole = finished(fields(['content-length', '4']), fields(['x-a', '1']));
    assert.equal(whole.result.tag, 'err');
    assert.equal(whole.sent?.kind, 'bytes');
    const large = finished(fields(), fields(['x-a', 'a'.repeat(9_000)]));
    assert.equal(large.result.tag, 'err');
    assert.equal((large.result.val as { tag: string }).tag, 'HTTP-response-trailer-section-size');
  });
});
