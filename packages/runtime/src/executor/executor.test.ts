import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { FunctionId } from '@popmesh/contracts';
import { Harness } from '../testing/harness.ts';

const FN: FunctionId = 'default/hello';

describe('one function in a real executor process', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
    await harness.deploy(FN, { env: { GREETING: 'hi' }, scaling: { max: 2 } });
  });
  after(() => harness.stop());

  test('answers, with version, start and timing', async () => {
    const answer = await harness.call(FN, '/hello');
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'hello');
    assert.equal(answer.headers['content-type'], 'text/plain');
    assert.equal(answer.headers['popmesh-version'], '1');
    assert.match(String(answer.headers['popmesh-start']), /^(?:warm|cold)$/);
    assert.match(String(answer.headers['server-timing']), /^queue;dur=[\d.]+, run;dur=[\d.]+$/);
  });

  test('is found by path, too, and sees the path without its own name', async () => {
    const { host, port } = harness.address();
    const response = await fetch(`http://${host}:${port}/default/hello/url?x=1`);
    assert.equal(await response.text(), `http://${host}:${port}/url?x=1`);
    const bare = await fetch(`http://${host}:${port}/default/hello?x=1`);
    assert.equal(bare.status, 404);
    assert.equal(bare.headers.get('popmesh-error'), null);
  });

  test('a head with two meanings is refused, and what comes behind it is not read', async () => {
    const { host, port } = harness.address();
    const raw = async (head: string): Promise<string> => {
      const socket = connect(port, host);
      let text = '';
      socket.on('data', (part) => {
        text += part.toString('latin1');
      });
      socket.on('error', () => {});
      socket.write(`${head}\r\nGET /default/hello/hello HTTP/1.1\r\nHost: a\r\n\r\n`, 'latin1');
      await once(socket, 'close');
      return text;
    };
    for (const [head, status] of [
      ['GET /default/hello/hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n', 400],
      ['GET http://b/default/hello/hello HTTP/1.1\r\nHost: a\r\n', 400],
      ['TRACE /default/hello/hello HTTP/1.1\r\nHost: a\r\n', 501],
    ] as const) {
      const answer = await raw(head);
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), head);
      assert.equal(answer.split('HTTP/1.1 ').length, 2, head);
    }
    // A host that would be the beginning of another path.
    const odd = await harness.call(FN, '/url', { headers: { host: 'a/default/other?' } });
    assert.deepEqual([odd.status, odd.code], [400, 'invalid_argument']);
  });

  test('an unknown function is named as such', async () => {
    const answer = await harness.call('default/nobody' as FunctionId, '/', {
      ...harness.address(),
      headers: { 'popmesh-request-id': 'abc' },
    });
    assert.equal(answer.status, 404);
    assert.equal(answer.code, 'function_not_found');
    assert.equal(JSON.parse(answer.text).error.requestId, 'abc');
  });

  test('sees its configuration and nothing of the host', async () => {
    const config = JSON.parse((await harness.call(FN, '/config')).text);
    assert.deepEqual(config, {
      env: { GREETING: 'hi' },
      function: FN,
      version: 1,
      node: 'n1',
      pop: 'fra',
      region: 'eu',
    });
    assert.equal((await harness.call(FN, '/escape')).text, '[]');
  });

  test('sees the request headers that are its own', async () => {
    const { text } = await harness.call(FN, '/headers', {
      headers: {
        'X-Own': '1',
        'popmesh-client-location': '50,8',
        'popmesh-timeout-ms': '5000',
        'popmesh-client-key': 'me',
        'popmesh-scheme': 'https',
        'proxy-connection': 'keep-alive',
      },
    });
    const lines = text.split('\n').filter((line) => line !== '');
    assert.deepEqual(lines, ['host: hello.example', 'x-own: 1', 'popmesh-client-location: 50,8']);
  });

  test('gets an absolute, normalised URL of the scheme that was meant', async () => {
    const url = async (path: string, host = 'Hello.Example:80') =>
      (await harness.call(FN, path, { headers: { host, 'popmesh-scheme': 'https' } })).text;
    assert.equal(await url('/url?a=b%20c'), 'https://hello.example:80/url?a=b%20c');
    assert.equal(await url('/a/../url'), 'https://hello.example:80/url');
    assert.equal(await url('/url?q="x"', 'a'), 'https://a/url?q=%22x%22');
    const bad = await harness.call(FN, '/url', { headers: { host: 'a b' } });
    assert.equal(bad.code, 'invalid_argument');
  });

  test('many requests wait in one instance at the same time', async () => {
    const id: FunctionId = 'default/one-instance';
    await harness.deploy(id, { scaling: { max: 1 } });
    const over = new AbortController();
    const { signal } = over;
    let ended = 0;
    const long = Array.from({ length: 19 }, () =>
      harness.call(id, '/sleep?ms=25000', { signal }).finally(() => ended++),
    );
    assert.equal((await harness.call(id, '/sleep?ms=200')).text, 'slept');
    assert.equal(ended, 0, 'it waited for the others');
    over.abort();
    for (const { status } of await Promise.allSettled(long)) assert.equal(status, 'rejected');
  });

  test('streams a response as it is made', async () => {
    const response = await harness.open(FN, '/stream');
    assert.equal(response.headers['transfer-encoding'], 'chunked');
    const parts: string[] = [];
    for await (const part of response) parts.push(String(part));
    assert.equal(parts.join(''), 'A\nB\nC\nD\nE\n');
    assert.ok(parts.length > 1, 'it came in one piece');
  });

  test('bodies: small, large, chunked, echoed, empty', async () => {
    const small = await harness.call(FN, '/length', { method: 'POST', body: 'abc' });
    assert.equal(small.text, '3');
    const large = Buffer.alloc(3_000_000, 7);
    const sent = await harness.call(FN, '/length', { method: 'POST', body: large });
    assert.equal(sent.text, '3000000');
    const echoed = await harness.call(FN, '/echo', { method: 'POST', body: large });
    assert.ok(echoed.body.equals(large));
    const chunked = await harness.call(FN, '/echo', {
      method: 'POST',
      body: 'chunky',
      headers: { 'transfer-encoding': 'chunked' },
    });
    assert.equal(chunked.text, 'chunky');
    assert.equal((await harness.call(FN, '/length', { method: 'POST' })).text, '0');
  });

  test('a stream both ways at once', async () => {
    const sent = request({
      ...harness.address(),
      path: '/echo',
      method: 'POST',
      agent: harness.agent,
      headers: { 'popmesh-function': FN, 'transfer-encoding': 'chunked' },
    });
    sent.write('ping');
    const received = new Promise<string>((resolve, reject) => {
      sent.on('error', reject);
      sent.on('response', async (response) => {
        let text = '';
        for await (const part of response) {
          text += String(part);
          if (text === 'ping') sent.end('pong');
        }
        resolve(text);
      });
    });
    assert.equal(await received, 'pingpong');
  });

  test('an endless response stops when the client goes, and the slot is free again', async () => {
    const response = await harness.open(FN, '/endless', { agent: false });
    await new Promise<void>((resolve) => response.once('data', () => resolve()));
    response.destroy();
    await harness.until(() => harness.logs.find((it) => it.message === 'endless stopped'));
  });

  test('a client that goes away is told to the function', async () => {
    const sent = request({
      ...harness.address(),
      path: '/gone',
      agent: false,
      headers: { 'popmesh-function': FN },
    });
    sent.on('error', () => {});
    sent.end();
    const socket = await new Promise<import('node:net').Socket>((resolve) =>
      sent.once('socket', resolve),
    );
    // The function answers `/log` only after it was handed the request before.
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    await harness.call(FN, '/log');
    await harness.call(FN, '/sleep?ms=100');
    sent.destroy();
    await harness.until(() => harness.logs.find((it) => it.message === 'gone 1'));
  });

  test('a body that breaks off is broken for the client', async () => {
    const response = await harness.open(FN, '/broken', { agent: false });
    await assert.rejects(async () => {
      for await (const _ of response);
    });
  });

  test('host functions: URL, UTF-8, randomness, clocks', async () => {
    const [parsed, bad, set] = JSON.parse((await harness.call(FN, '/url-parse')).text);
    assert.deepEqual(parsed.split('\n'), [
      'https://u:p@h:8080/b?x=1#y',
      'https://h:8080',
      'https:',
      'u',
      'p',
      'h:8080',
      'h',
      '8080',
      '/b',
      '?x=1',
      '#y',
    ]);
    assert.equal(bad, '');
    assert.equal(set.split('\n')[0], 'http://a/%C3%A9');
    assert.equal((await harness.call(FN, '/utf8')).text, '[[195,169],"é\ufffd"]');
    assert.equal((await harness.call(FN, '/random')).text, '16 true 0');
  });

  test('log lines arrive, control characters made visible, a flood cut short', async () => {
    await harness.call(FN, '/log', { headers: { 'popmesh-request-id': 'r-1' } });
    const line = await harness.until(() => harness.logs.find((it) => it.requestId === 'r-1'));
    assert.equal(line.level, 'warn');
    assert.equal(line.message, 'careful \\x1b[31mred');
    assert.equal(line.function, FN);
    await harness.call(FN, '/spam');
    await harness.until(() => harness.logs.some((it) => it.message.startsWith('xxx')));
    assert.ok(harness.logs.filter((it) => it.message.startsWith('xxx')).length < 100);
  });

  test('hostile answers are refused or cleaned', async () => {
    for (const path of ['/bad-header', '/bad-name', '/bad-status', '/bad-pipe']) {
      const answer = await harness.call(FN, path);
      assert.equal(answer.status, 502, path);
      assert.equal(answer.code, 'invalid_response', path);
    }
    const cleaned = await harness.call(FN, '/forbidden-header');
    assert.equal(cleaned.headers['x-ok'], '1');
    assert.equal(cleaned.headers['popmesh-version'], '1');
    assert.equal(cleaned.headers['transfer-encoding'], undefined);
    assert.equal((await harness.call(FN, '/hello')).status, 200);
  });

  test('repeated headers stay apart, a bodiless status has no body', async () => {
    const cookies = await harness.call(FN, '/cookies');
    assert.deepEqual(cookies.headers['set-cookie'], ['a=1', 'b=2']);
    const none = await harness.call(FN, '/no-content');
    assert.equal(none.status, 204);
    assert.equal(none.headers['content-length'], undefined);
  });

  test('outbound is denied unless listed', async () => {
    const to = encodeURIComponent('http://127.0.0.1:1/');
    const answer = await harness.call(FN, `/fetch?to=${to}`);
    assert.equal(answer.status, 502);
    assert.match(answer.text, /^outbound_denied: /);
  });

  test('what was used is counted', async () => {
    const sum = () =>
      harness.runtime.usage().find((row) => row.function === FN && row.version === 1);
    await harness.runtime.drain();
    const usage = await harness.until(sum);
    assert.ok(usage.requests > 30);
    assert.ok(usage.bytesIn >= 6_000_000);
    assert.ok(usage.bytesOut >= 3_000_000);
    assert.ok(usage.wallMs > 0);
  });
});
