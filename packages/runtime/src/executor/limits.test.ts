import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import type { FunctionId } from '@popmesh/contracts';
import { buildGuest } from '../testing/guests.ts';
import { type Answer, Harness } from '../testing/harness.ts';

const FN: FunctionId = 'default/limited';
const NEIGHBOUR: FunctionId = 'default/neighbour';

describe('limits, enforced and named', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start({ cpuPollMs: 10 });
    await harness.deploy(FN, {
      // The CPU limit must come first, however busy the machine is.
      limits: { cpuMs: 200, timeoutMs: 60_000, memoryMb: 32, requestBodyMb: 1, responseBodyMb: 1 },
      scaling: { max: 1, concurrency: 10 },
    });
    await harness.deploy(NEIGHBOUR, { scaling: { max: 1 } });
  });
  after(() => harness.stop());

  const refused = (answer: Answer, status: number, code: string): void => {
    assert.equal(answer.code, code);
    assert.equal(answer.status, status);
    assert.equal(JSON.parse(answer.text).error.code, code);
  };

  test('an endless loop is ended soon after its CPU limit, and the next request is served', async (context) => {
    const started = performance.now();
    refused(await harness.call(FN, '/loop'), 503, 'cpu_limit_exceeded');
    const took = performance.now() - started;
    // Wall time: the machine may be shared, the limit is CPU time.
    context.diagnostic(`a limit of 200 ms: answered after ${Math.round(took)} ms`);
    assert.equal((await harness.call(FN, '/hello')).text, 'hello');
    assert.equal((await harness.call(NEIGHBOUR, '/hello')).text, 'hello');
  });

  test('what is ended from outside is told in the function’s log, with what it said before', async () => {
    const id: FunctionId = 'default/talkative';
    const source = `
import host from 'popmesh:function/host@0.2.0';
const DONE = { then: (resolve) => resolve() };
export function settle() {
  return DONE;
}
export function handle(id, head, methodLength, urlLength) {
  const url = head.slice(methodLength, methodLength + urlLength);
  host.log('info', 'about to ' + url.split('/').pop());
  if (url.endsWith('/wait')) return DONE;
  for (;;);
}`;
    const limits = { cpuMs: 100, timeoutMs: 60_000 };
    await harness.deploy(id, { limits, scaling: { max: 1 } }, await buildGuest(source));
    const headers = { 'popmesh-request-id': 'spins' };
    refused(await harness.call(id, '/spin', { headers }), 503, 'cpu_limit_exceeded');
    const line = (text: string) =>
      harness.until(() => harness.logs.find((it) => it.function === id && it.message === text));
    assert.equal((await line('about to spin')).requestId, 'spins');
    const ended = 'cpu_limit_exceeded: The function used more CPU time than it may (cpu_ms = 100)';
    assert.deepEqual(
      (({ level, requestId, version }) => ({ level, requestId, version }))(await line(ended)),
      { level: 'error', requestId: 'spins', version: 1 },
    );
    const soon = { 'popmesh-timeout-ms': '400' };
    refused(await harness.call(id, '/wait', { headers: soon }), 504, 'timeout_exceeded');
    await line('timeout_exceeded: The function did not answer in time (timeout_ms = 400)');
  });

  test('a loop takes others in its worker down: what may be repeated is, once', async () => {
    const slow = harness.call(FN, '/sleep?ms=2000');
    const written = harness.call(FN, '/sleep?ms=50000', { method: 'POST' });
    // In a turn before the loop's: who began in the same one is blamed with it.
    await harness.call(FN, '/hello');
    const looping = harness.call(FN, '/loop');
    const neighbour = harness.call(NEIGHBOUR, '/sleep?ms=400');
    refused(await looping, 503, 'cpu_limit_exceeded');
    refused(await written, 502, 'executor_failed');
    assert.equal((await slow).text, 'slept');
    assert.equal((await neighbour).text, 'slept');
  });

  test('requests that no guest has seen are given to another worker', async () => {
    const looping = harness.call(FN, '/loop');
    // Behind a spinning guest these wait in the thread's inbox.
    await new Promise<void>((resolve) => setImmediate(resolve));
    const waiting = Array.from({ length: 5 }, () => harness.call(FN, '/hello'));
    refused(await looping, 503, 'cpu_limit_exceeded');
    for (const answer of await Promise.all(waiting)) {
      // One that arrived in the loop's own batch had begun and is told so.
      if (answer.status !== 200) assert.match(String(answer.code), /executor_failed|cpu_limit/);
    }
  });

  test('a loop after a wait is ended, too', async () => {
    refused(await harness.call(FN, '/loop-later'), 503, 'cpu_limit_exceeded');
  });

  test('CPU of requests that are over is not charged to the next one', async () => {
    // Together more than the limit, each well below it.
    for (let i = 0; i < 8; i++) {
      assert.equal((await harness.call(FN, '/burn?ms=40')).text, 'burnt');
    }
    assert.equal((await harness.call(FN, '/sleep?ms=100')).text, 'slept');
  });

  test('waiting costs no CPU', async () => {
    assert.equal((await harness.call(FN, '/sleep?ms=600')).text, 'slept');
  });

  test('the deadline, of the function and of the request', async () => {
    const impatient: FunctionId = 'default/impatient';
    await harness.deploy(impatient, { limits: { timeoutMs: 300 } });
    refused(await harness.call(impatient, '/sleep?ms=50000'), 504, 'timeout_exceeded');
    const headers = { 'popmesh-timeout-ms': '50' };
    refused(await harness.call(FN, '/sleep?ms=50000', { headers }), 504, 'timeout_exceeded');
    assert.equal((await harness.call(FN, '/hello')).text, 'hello');
  });

  test('an instance that a request has poisoned is replaced after three timeouts in a row', async () => {
    const id: FunctionId = 'default/poisoned';
    const source = `
import host from 'popmesh:function/host@0.2.0';
const DONE = { then: (resolve) => resolve() };
let count = 0;
export function settle() {
  return DONE;
}
export function handle(id, head, methodLength, urlLength) {
  const url = head.slice(methodLength, methodLength + urlLength);
  Promise.resolve().then(() => host.respond(id, 200, '', 'fresh ' + ++count));
  if (url.endsWith('/poison')) Promise.prototype.then = () => {};
  return DONE;
}`;
    const limits = { timeoutMs: 1_500 };
    await harness.deploy(id, { limits, scaling: { max: 1 } }, await buildGuest(source));
    assert.equal((await harness.call(id, '/')).text, 'fresh 1');
    assert.equal((await harness.call(id, '/poison')).text, 'fresh 2');
    for (let i = 0; i < 3; i++) refused(await harness.call(id, '/'), 504, 'timeout_exceeded');
    // Its time counts from when it came, and a start may take longer than that here.
    let answer = await harness.call(id, '/');
    for (let i = 0; i < 20 && answer.status !== 200; i++) answer = await harness.call(id, '/');
    assert.match(answer.text, /^fresh 1$/);
  });

  test('a client that uploads too slowly is told so, and says nothing about the instance', async () => {
    const id: FunctionId = 'default/uploads';
    const source = `
import host from 'popmesh:function/host@0.2.0';
const DONE = { then: (resolve) => resolve() };
let count = 0;
export function settle() {
  return DONE;
}
export function handle(id, head) {
  if (head.startsWith('GET')) host.respond(id, 200, '', String(++count));
  return DONE;
}`;
    const limits = { timeoutMs: 1_500 };
    await harness.deploy(id, { limits, scaling: { max: 1 } }, await buildGuest(source));
    assert.equal((await harness.call(id, '/')).text, '1');
    await Promise.all(
      [1, 2, 3].map(async () => {
        const headers = { host: 'hello.example', 'popmesh-function': id };
        const upload = request({ ...harness.address('default'), method: 'POST', headers });
        upload.write('begun');
        const [answer] = (await once(upload, 'response')) as [IncomingMessage];
        const { error } = JSON.parse(Buffer.concat(await answer.toArray()).toString());
        assert.deepEqual(
          [answer.statusCode, error.code, error.message],
          [504, 'timeout_exceeded', 'The request body did not come whole in time'],
        );
        upload.destroy();
      }),
    );
    // As many that nobody answered replace an instance.
    assert.equal((await harness.call(id, '/')).text, '2');
  });

  test('a trap is one request, named; the instance is replaced', async () => {
    await harness.call(FN, '/count');
    refused(await harness.call(FN, '/throw'), 500, 'function_trapped');
    assert.equal((await harness.call(FN, '/count')).text, '1');
    refused(await harness.call(FN, '/recursion'), 500, 'function_trapped');
    refused(await harness.call(FN, '/memory'), 503, 'memory_limit_exceeded');
    assert.equal((await harness.call(FN, '/count')).text, '1');
    const line = await harness.until(() =>
      harness.logs.find((it) => it.message.startsWith('function_trapped')),
    );
    assert.match(line.message, /unreachable[\s\S]*wasm-function/);
  });

  test('a trap after the answer is told in the log, and costs no later request', async () => {
    const id: FunctionId = 'default/later';
    await harness.deploy(id);
    assert.equal((await harness.call(id, '/trap-later')).text, 'ok');
    const line = await harness.until(() => harness.logs.find((it) => it.function === id));
    assert.match(line.message, /^The function trapped: .*unreachable/);
    assert.doesNotMatch(line.message, /component\.js|function-door|file:/);
    assert.equal((await harness.call(id, '/count')).text, '1');
  });

  test('an exception that the guest reported is the function’s', async () => {
    refused(await harness.call(FN, '/report'), 500, 'function_threw');
    const line = await harness.until(() =>
      harness.logs.find((it) => it.message.includes('reported boom')),
    );
    assert.match(line.message, /basic\.js/);
    const count = Number((await harness.call(FN, '/count')).text);
    refused(await harness.call(FN, '/caught'), 500, 'function_threw');
    refused(await harness.call(FN, '/caught-memory'), 503, 'memory_limit_exceeded');
    assert.equal(Number((await harness.call(FN, '/count')).text), count + 1);
  });

  test('bodies beyond the limit, declared or not', async () => {
    const large = Buffer.alloc(1_200_000);
    const declared = await harness.call(FN, '/length', { method: 'POST', body: large });
    refused(declared, 413, 'payload_too_large');
    const chunked = await harness.call(FN, '/length', {
      method: 'POST',
      body: large,
      headers: { 'transfer-encoding': 'chunked' },
    });
    refused(chunked, 413, 'payload_too_large');
    refused(await harness.call(FN, '/big?size=1200000'), 502, 'response_too_large');
    assert.equal((await harness.call(FN, '/big?size=900000')).body.length, 900_000);
  });

  test('an endless response is cut at the limit', async () => {
    const response = await harness.open(FN, '/endless', { agent: false });
    let size = 0;
    await assert.rejects(async () => {
      for await (const part of response) size += (part as Buffer).length;
    });
    assert.ok(size <= 1024 * 1024 + 65_536, `${size}`);
  });

  test('a full queue is refused at once, with when to come back', async () => {
    const id: FunctionId = 'default/narrow';
    const scaling = { max: 1, concurrency: 1, queue: 2 };
    await harness.deploy(id, { scaling, limits: { timeoutMs: 60_000 } });
    const over = new AbortController();
    const refusedOnes: Answer[] = [];
    let whenFull = (): void => {};
    const full = new Promise<void>((resolve) => {
      whenFull = resolve;
    });
    const all = Array.from({ length: 8 }, async () => {
      const answer = await harness.call(id, '/sleep?ms=50000', { signal: over.signal });
      refusedOnes.push(answer);
      if (refusedOnes.length === 5) whenFull();
    });
    await full;
    over.abort();
    await Promise.allSettled(all);
    assert.equal(refusedOnes.length, 5);
    for (const answer of refusedOnes) {
      assert.equal(answer.code, 'overloaded');
      assert.equal(answer.headers['popmesh-overload'], '1');
      assert.equal(answer.headers['retry-after'], '1');
    }
  });
});
