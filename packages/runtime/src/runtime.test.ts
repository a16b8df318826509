import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type FunctionId, noMetrics, silentLogger } from '@popmesh/contracts';
import { create, FunctionConfigSchema } from '@popmesh/protocol';
import { MANIFEST_FILE } from './prepare/store.ts';
import { createRuntime } from './runtime.ts';
import { buildGuest, countingGuest } from './testing/guests.ts';
import { Harness, testClock, testRandom } from './testing/harness.ts';

describe('the life of an executor', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());

  test('kill -9: another takes over at the same address, everything loaded', async () => {
    const id: FunctionId = 'crash/hello';
    await harness.deploy(id);
    const address = harness.address('crash');
    const pid = harness.pidOf('crash');
    process.kill(pid, 'SIGKILL');
    await harness.until(() => ![0, pid].includes(harness.pidOf('crash')));
    await harness.until(() => harness.address('crash').port === address.port);
    const answer = await harness.call(id, '/hello', { agent: false });
    assert.equal(answer.text, 'hello');
  });

  test('namespaces have processes of their own', async () => {
    await harness.deploy('one/hello');
    await harness.deploy('two/hello');
    const pids = harness.runtime.executors().map((it) => it.pid);
    assert.equal(new Set(pids).size, pids.length);
    const answer = await harness.call('two/hello', '/hello', { ...harness.address('one') });
    assert.equal(answer.code, 'function_not_found');
  });

  test('a removed function is gone, and its executor with the last one', async () => {
    await harness.deploy('gone/hello');
    await harness.runtime.remove('gone/hello');
    assert.ok(!harness.runtime.dataPlanes().some((it) => it.namespace === 'gone'));
    assert.ok(!harness.runtime.executors().some((it) => it.namespace === 'gone'));
  });

  test('the last function goes while another comes to its namespace: that one is served', async () => {
    await harness.deploy('change/one');
    const two = harness.prepare(await buildGuest());
    const targets = [{ version: 1, weight: 1, prepared: await two }];
    await Promise.all([harness.apply('change/two', targets), harness.runtime.remove('change/one')]);
    assert.equal((await harness.call('change/two', '/hello')).text, 'hello');
  });

  test('a split follows its weights, and one client stays with one version', async () => {
    const id: FunctionId = 'split/hello';
    const [one, two] = await Promise.all([
      harness.prepare(await buildGuest(countingGuest('one'))),
      harness.prepare(await buildGuest(countingGuest('two'))),
    ]);
    await harness.apply(id, [
      { version: 1, weight: 80, prepared: one },
      { version: 2, weight: 20, prepared: two },
    ]);
    const versionFor = async (key: string) =>
      (await harness.call(id, '/', { headers: { 'popmesh-client-key': key } })).headers[
        'popmesh-version'
      ];
    const keys = Array.from({ length: 200 }, (_, i) => `client-${i}`);
    const first = await Promise.all(keys.map(versionFor));
    const second = await Promise.all(keys.map(versionFor));
    assert.deepEqual(first, second);
    const share = first.filter((version) => version === '2').length / keys.length;
    assert.ok(share > 0.1 && share < 0.3, `${share}`);
  });

  test('a new version takes over without one failed request', async () => {
    const id: FunctionId = 'roll/hello';
    const one = await harness.prepare(await buildGuest(countingGuest('one')));
    const two = await harness.prepare(await buildGuest(countingGuest('two')));
    await harness.apply(id, [{ version: 1, weight: 100, prepared: one }]);
    let going = true;
    const seen: string[] = [];
    const client = (async () => {
      while (going) {
        const answer = await harness.call(id, '/');
        assert.equal(answer.status, 200);
        seen.push(String(answer.headers['popmesh-version']));
      }
    })();
    await harness.apply(id, [{ version: 2, weight: 100, prepared: two }]);
    assert.match((await harness.call(id, '/')).text, /^two /);
    going = false;
    await client;
    assert.deepEqual([...new Set(seen)].sort(), seen.includes('1') ? ['1', '2'] : ['2']);
  });

  test('a request whose body is on its way meanwhile is answered by the version it came to', async () => {
    const id: FunctionId = 'slow/hello';
    await harness.deploy(id);
    const { host, port } = harness.address('slow');
    const socket = connect(port, host);
    let answer = '';
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
    });
    socket.write(
      `POST /length HTTP/1.1\r\nHost: a\r\npopmesh-function: ${id}\r\nContent-Length: 4\r\n\r\nab`,
    );
    // A later request on another connection: by then the first one has been taken.
    await harness.call(id, '/hello', { agent: false });
    const prepared = await harness.prepare(await buildGuest(countingGuest('two')));
    await harness.apply(id, [{ version: 2, weight: 100, prepared }]);
    const slots = () =>
      harness.runtime.executors().find((it) => it.namespace === 'slow')?.slots ?? 0;
    // The old one's instance is gone: reported, and so no older report than that.
    while (slots() !== 1) await testClock.sleep(20);
    socket.write('cd');
    while (!/\r\n\r\n./.test(answer)) await once(socket, 'data');
    assert.match(
      answer,
      /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*popmesh-version: 1\r\n(?:.*\r\n)*\r\n4$/,
    );
    socket.destroy();
  });

  test('an older revision changes nothing', async () => {
    const id: FunctionId = 'old/hello';
    const prepared = await harness.prepare(await buildGuest(countingGuest('one')));
    await harness.apply(id, [{ version: 5, weight: 100, prepared }]);
    await harness.runtime.apply({ function: id, revision: 0n, targets: [] });
    assert.equal((await harness.call(id, '/')).headers['popmesh-version'], '5');
  });

  test('isolation by request: nothing is left of the one before', async () => {
    const id: FunctionId = 'fresh/hello';
    await harness.deploy(id, { isolation: 'request' }, await buildGuest(countingGuest('n')));
    for (let i = 0; i < 10; i++) assert.equal((await harness.call(id, '/')).text, 'n 1');
    const many = await Promise.all(Array.from({ length: 10 }, () => harness.call(id, '/')));
    assert.ok(many.every((answer) => answer.text === 'n 1'));
  });

  test('an idle function leaves its thread, and comes back cold', async () => {
    const id: FunctionId = 'idle/hello';
    await harness.deploy(
      id,
      { scaling: { idleTimeoutMs: 1 } },
      await buildGuest(countingGuest('n')),
    );
    // Each cold start has an instance of its own, so the count begins anew.
    for (;;) {
      const answer = await harness.call(id, '/');
      assert.equal(answer.status, 200);
      if (answer.headers['popmesh-start'] !== 'cold') {
        // Idleness is real time here: longer than one sweep of the executor.
        await testClock.sleep(300);
        continue;
      }
      assert.equal(answer.text, 'n 1');
      break;
    }
  });

  test('drain lets what runs finish', async () => {
    const id: FunctionId = 'drain/hello';
    await harness.deploy(id);
    const slow = harness.call(id, '/sleep?ms=300');
    await harness.call(id, '/hello');
    // Whoever asks for it.
    await Promise.all([harness.runtime.drain(), harness.runtime.drain()]);
    assert.equal((await slow).text, 'slept');
  });

  test('a damaged file on disk is refused at load and made again by prepare', async () => {
    const component = await buildGuest(countingGuest('damage'));
    const prepared = await harness.prepare(component);
    // What many share, what is its own, and in the executor's own thread or a worker.
    for (const name of ['common', 'component.core.wasm.image', MANIFEST_FILE]) {
      const id: FunctionId = `damaged-${name.split('.').join('-')}/hello`;
      const file = join(prepared.directory, name);
      const bytes = await readFile(file);
      bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
      await writeFile(file, bytes);
      await assert.rejects(
        harness.apply(id, [{ version: 1, weight: 1, prepared }]),
        (error: { code?: string }) => error.code === 'digest_mismatch',
        name,
      );
      const again = await harness.prepare(component);
      await harness.apply(id, [{ version: 1, weight: 1, prepared: again }]);
      assert.equal((await harness.call(id, '/')).text, 'damage 1');
    }
    const left = await readdir(join(harness.directory, 'prepared'));
    assert.ok(left.every((name) => !name.startsWith('.')));
  });
});

test('two that leave at once take no executor with them that came after theirs', async () => {
  const harness = await Harness.start();
  let onChanged = (): void => {};
  const runtime = createRuntime({
    directory: join(harness.directory, 'other'),
    identity: { node: 'n1', pop: 'fra', region: 'eu' },
    config: { spareExecutors: 0 },
    clock: testClock,
    random: testRandom,
    logger: silentLogger,
    metrics: noMetrics,
    onDataPlanesChanged: () => onChanged(),
  });
  await runtime.start(new AbortController().signal);
  try {
    const prepared = await harness.prepare(await buildGuest());
    const config = create(FunctionConfigSchema, {});
    const targets = [{ version: 1, weight: 1, prepared, config }];
    const apply = (id: FunctionId) => runtime.apply({ function: id, revision: 1n, targets });
    for (const id of ['turn/one', 'turn/two'] as const) await apply(id);
    let applied: Promise<void> | undefined;
    // Said as the first of them takes the executor away, while the other is on its way.
    onChanged = () => {
      applied ??= apply('turn/three');
    };
    await Promise.all([runtime.remove('turn/one'), runtime.remove('turn/two')]);
    await applied;
    assert.equal(runtime.executors().length, 1);
    assert.equal(runtime.dataPlanes().length, 1);
  } finally {
    await runtime.stop();
    await harness.stop();
  }
});

test('first requests to a damaged function that nobody can repair are told so, and none is run', async () => {
  const harness = await Harness.start();
  try {
    const component = await buildGuest(countingGuest('mended'));
    const prepared = await harness.prepare(component);
    const file = join(prepared.directory, 'component.core.wasm.image');
    const bytes = await readFile(file);
    bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const config = create(FunctionConfigSchema, {});
    await harness.runtime.apply({
      function: 'mended/hello',
      revision: 1n,
      warm: false,
      targets: [{ version: 1, weight: 1, prepared, config }],
    });
    // Nobody has said yet where the component is to be had again.
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => harness.call('mended/hello', '/')),
    );
    // The second, when it has failed so often that it rests.
    const told = new Set(['digest_mismatch', 'executor_failed']);
    for (const { code, text } of answers) assert.ok(told.has(code ?? ''), text);
  } finally {
    await harness.stop();
  }
});

test('more functions than threads: each is served, the idle ones make room', async () => {
  const harness = await Harness.start({ workersMax: 3 });
  try {
    const ids = Array.from({ length: 6 }, (_, i): FunctionId => `many/f${i}`);
    const prepared = await harness.prepare(await buildGuest(countingGuest('many')));
    for (const id of ids) await harness.apply(id, [{ version: 1, weight: 1, prepared }]);
    for (let round = 0; round < 2; round++) {
      for (const id of ids) {
        const answer = await harness.call(id, '/');
        assert.equal(answer.status, 200, answer.text);
      }
    }
  } finally {
    await harness.stop();
  }
});

test('a route alone needs no start; the first request makes one', async () => {
  const harness = await Harness.start();
  try {
    const prepared = await harness.prepare(await buildGuest(countingGuest('cold')));
    const config = create(FunctionConfigSchema, {});
    await harness.runtime.apply({
      function: 'cold/hello',
      revision: 1n,
      warm: false,
      targets: [{ version: 1, weight: 1, prepared, config }],
    });
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => harness.call('cold/hello', '/')),
    );
    assert.ok(answers.every((answer) => answer.status === 200));
    assert.equal(answers[0]?.headers['popmesh-start'], 'cold');
  } finally {
    await harness.stop();
  }
});
