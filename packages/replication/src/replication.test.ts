import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import { ownAddress, SeededRandom } from '@popmesh/simulation';
import { connect, type NatsConnection } from 'nats';
import { TestNatsServer } from './nats-server.test-support.ts';
import { eventually, TestMesh, type TestNode } from './test-node.test-support.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function natsServer(extraConfig = ''): Promise<TestNatsServer> {
  const server = await TestNatsServer.start(extraConfig);
  cleanUps.push(() => server.destroy());
  return server;
}

function newMesh(): TestMesh {
  const mesh = new TestMesh();
  cleanUps.push(() => mesh.stop());
  return mesh;
}

async function asOperator(server: TestNatsServer): Promise<NatsConnection> {
  const connection = await connect({ servers: server.url });
  cleanUps.push(() => connection.close());
  return connection;
}

const same = (...nodes: TestNode[]): void => {
  for (const node of nodes) assert.deepEqual(node.table.heads(), nodes[0]?.table.heads());
};
/** So long that only the watch, or a reconnect, can be what delivered. */
const never = { reconcileIntervalMs: 3_600_000 };

// One server for everything that neither kills nor configures it; each test has its own prefix.
const shared = await natsServer();

test('three nodes that start together make one bucket, and a record reaches all by the watch', async () => {
  const mesh = newMesh();
  const config = { url: shared.url, prefix: 'watch', ...never };
  const nodes = ['a', 'b', 'c'].map((id) => mesh.node(id, config));
  await Promise.all(nodes.map((node) => node.start()));
  await Promise.all(nodes.map((node) => node.connected()));
  const [a] = nodes as [TestNode, TestNode, TestNode];
  const { outcome } = await a.put('function/default/hello');
  assert.equal(outcome, 'stored');
  await eventually(() => same(...nodes));
  // Who was told, before the first comparison, that there was none is told of its end.
  assert.equal(a.problems.at(-1), undefined);
  assert.ok(a.problems.length > 0);
  assert.match(a.replication.status().version ?? '', /^2\./);
  assert.equal(a.replication.status().pending, 0);
});

test('a node that comes later learns everything, and brings what only it has', async () => {
  const mesh = newMesh();
  const config = { url: shared.url, prefix: 'later', ...never };
  const a = await mesh.node('a', config).start();
  await a.connected();
  for (let i = 0; i < 150; i++) await a.put(`function/default/f${i}`);
  const b = mesh.node('b', config);
  await b.table.apply(b.seal('function/other/only-b'), 'disk');
  await b.start();
  await eventually(() => {
    assert.equal(Object.keys(b.table.heads()).length, 151);
    same(a, b);
  });
});

test('an older revision never replaces a newer one, in whatever order they are published', async () => {
  const mesh = newMesh();
  const config = { url: shared.url, prefix: 'order', ...never };
  const [a, b] = [await mesh.node('a', config).start(), await mesh.node('b', config).start()];
  await Promise.all([a.connected(), b.connected()]);
  const key = 'function/default/contended';
  const records = Array.from({ length: 40 }, (_, i) => (i % 2 ? a : b).seal(key, `v${i}`));
  const newest = records.reduce((best, r) => (r.revision > best.revision ? r : best));
  await Promise.all(
    records.map((record, i) => ((i * 7) % 3 ? a : b).replication.publishRecord(record)),
  );
  const late = await mesh.node('late', config).start();
  await eventually(() => assert.equal(late.table.get(key)?.revision, newest.revision));
});

test('records signed by nobody of this mesh are refused, and overwritten by ours', async () => {
  const mesh = newMesh();
  const strangers = new TestMesh();
  const a = await mesh.node('a', { url: shared.url, prefix: 'forged', ...never }).start();
  await a.connected();
  const { record } = await a.put('function/default/f');
  const forged = strangers.node('x', { url: shared.url }).seal('function/default/f', 'evil');
  const operator = await asOperator(shared);
  const js = operator.jetstream();
  await js.publish('$KV.forged-registry.function.default.f', forged.envelope);
  await js.publish('$KV.forged-registry.function.default.g', new Uint8Array([1, 2, 3]));
  await js.publish('$KV.forged-registry.function.default.h', record.envelope);
  await a.replication.reconcileNow();
  assert.deepEqual(Object.keys(a.table.heads()), ['function/default/f']);
  const b = await mesh.node('b', { url: shared.url, prefix: 'forged', ...never }).start();
  await eventually(() => same(a, b));
});

test('a deletion by hand is undone; removal is a tombstone in the same key', async () => {
  const mesh = newMesh();
  const a = await mesh.node('a', { url: shared.url, prefix: 'deleted', ...never }).start();
  await a.connected();
  const { record } = await a.put('function/default/f');
  const kv = await (await asOperator(shared)).jetstream().views.kv('deleted-registry');
  await kv.delete('function.default.f');
  await eventually(async () => {
    const entry = await kv.get('function.default.f');
    assert.equal(entry?.operation, 'PUT');
    assert.ok(Buffer.from(entry.value).equals(record.envelope));
  });
});

test('a record that the watch missed is found by the reconcile', async () => {
  // The server denies the watch, so it is dead from the start without the node noticing.
  const server = await natsServer(`
    no_auth_user: node
    authorization { users: [
      { user: node, password: n, permissions: { subscribe: { deny: ["$KV.>"] } } } ] }`);
  const mesh = newMesh();
  const config = { url: server.url, reconcileIntervalMs: 150 };
  const a = await mesh.node('a', config).start();
  const b = await mesh.node('b', config).start();
  await Promise.all([a.connected(), b.connected()]);
  for (let i = 0; i < 5; i++) await a.put(`function/default/f${i}`);
  await eventually(() => {
    assert.equal(Object.keys(b.table.heads()).length, 5);
    same(a, b);
  });
});

test('a bucket made by an operator with history and a time to live loses nothing for good', async () => {
  const operator = await asOperator(shared);
  const kv = await operator.jetstream().views.kv('ttl-registry', { history: 5, ttl: 700 });
  const mesh = newMesh();
  const a = await mesh
    .node('a', { url: shared.url, prefix: 'ttl', reconcileIntervalMs: 100 })
    .start();
  await a.connected();
  await a.put('function/default/f', 'one');
  await a.put('function/default/f', 'two');
  // It may have expired by now.
  let first = 0;
  await eventually(async () => {
    first = (await kv.get('function.default.f'))?.revision ?? assert.fail();
  });
  await eventually(async () => {
    const entry = await kv.get('function.default.f');
    assert.ok((entry?.revision ?? 0) > first, 'expired, and written again');
  });
});

test('chunks: written once, read verified, healed when wrong', async () => {
  const mesh = newMesh();
  const a = await mesh.node('a', { url: shared.url, prefix: 'chunks', ...never }).start();
  await a.connected();
  const bytes = new SeededRandom(1).bytes(200_000);
  const digest = a.hold(bytes);
  await eventually(async () =>
    assert.equal(await a.replication.publishChunk(digest, bytes), 'stored'),
  );
  assert.equal(await a.replication.publishChunk(digest, bytes), 'stored', 'again is a success');
  assert.deepEqual(await a.fetch(digest), bytes);
  assert.equal(await a.fetch('0'.repeat(64)), undefined);
  await assert.rejects(
    a.replication.chunkSource.fetch(digest, {
      signal: new AbortController().signal,
      sizeBytesMax: 100,
    }),
    hasCode('peer_misbehaved'),
  );

  const wrong = hash('sha256', 'something else', 'hex');
  const js = (await asOperator(shared)).jetstream();
  await js.publish(`chunks.chunk.${wrong}`, new Uint8Array(10));
  assert.equal(await a.fetch(wrong), undefined);
  await a.replication.publishChunk(wrong, Buffer.from('something else'));
  assert.equal(Buffer.from((await a.fetch(wrong)) ?? []).toString(), 'something else');

  await assert.rejects(
    a.replication.publishChunk('1'.repeat(64), new Uint8Array(1_100_000)),
    hasCode('payload_too_large'),
  );
});

test('NATS absent: start at once, publish is pending at once, stop at once', async () => {
  const mesh = newMesh();
  const { host, port } = await ownAddress();
  // Whatever waited for the publish to end would hang.
  const a = mesh.node('a', { url: `nats://${host}:${port}`, publishWaitMs: 3_600_000 });
  await a.start();
  assert.equal((await a.put('function/default/f')).outcome, 'pending');
  assert.equal(await a.replication.publishChunk('2'.repeat(64), new Uint8Array(5)), 'pending');
  await assert.rejects(a.fetch('2'.repeat(64)), hasCode('unavailable'));
  await assert.rejects(a.replication.reconcileNow(), hasCode('unavailable'));
  const { problem, ...status } = a.replication.status();
  assert.deepEqual(status, { connected: false, version: undefined, pending: 2 });
  assert.match(problem ?? '', /^NATS: /);
  assert.equal(a.replication.stop(), a.replication.stop());
  await a.replication.stop();
});

test('NATS that comes later gets everything that was pending', async () => {
  const server = await TestNatsServer.create();
  cleanUps.push(() => server.destroy());
  const mesh = newMesh();
  const a = await mesh.node('a', { url: server.url, ...never }).start();
  const b = await mesh.node('b', { url: server.url, ...never }).start();
  await a.put('function/default/f');
  await b.put('function/default/g');
  const digest = a.hold(new SeededRandom(2).bytes(1_000));
  await a.replication.publishChunk(digest, a.chunks.get(digest) ?? assert.fail());
  await server.start();
  await eventually(async () => {
    assert.equal(Object.keys(a.table.heads()).length, 2);
    same(a, b);
    assert.equal((await b.fetch(digest))?.length, 1_000);
    assert.equal(a.replication.status().pending, 0);
  });
});

test('killed under load and back: everything acknowledged or pending is there', async () => {
  const server = await natsServer();
  const mesh = newMesh();
  const config = { url: server.url, publishWaitMs: 200, ...never };
  const [a, b] = [await mesh.node('a', config).start(), await mesh.node('b', config).start()];
  await Promise.all([a.connected(), b.connected()]);
  const outcomes = new Set<string>();
  const load = (async () => {
    for (let i = 0; i < 300; i++) {
      const writer = i % 2 ? a : b;
      outcomes.add((await writer.put(`function/default/f${i % 60}`, `v${i}`)).outcome);
      if (i === 100) await server.kill();
      if (i === 200) await server.start();
    }
  })();
  await load;
  assert.deepEqual([...outcomes].sort(), ['pending', 'stored']);
  await eventually(() => {
    assert.equal(Object.keys(a.table.heads()).length, 60);
    same(a, b);
    assert.equal(a.replication.status().pending + b.replication.status().pending, 0);
  });
  neverBackwards(a);
  neverBackwards(b);
  const late = await mesh.node('late', config).start();
  await eventually(() => same(a, late));
});

test('a wiped server is filled again from the nodes, records and chunks', async () => {
  const server = await natsServer();
  const mesh = newMesh();
  const config = { url: server.url, ...never };
  const [a, b] = [await mesh.node('a', config).start(), await mesh.node('b', config).start()];
  await Promise.all([a.connected(), b.connected()]);
  for (let i = 0; i < 50; i++) await a.put(`function/default/f${i}`);
  const random = new SeededRandom(3);
  const digests = Array.from({ length: 300 }, (_, i) =>
    (i % 2 ? a : b).hold(random.bytes(1 + random.integer(20_000))),
  );
  for (const node of [a, b]) {
    for (const [digest, bytes] of node.chunks) await node.replication.publishChunk(digest, bytes);
  }
  await server.kill();
  await server.wipe();
  await server.start();
  const c = await mesh.node('c', config).start();
  await eventually(async () => {
    assert.equal(Object.keys(c.table.heads()).length, 50);
    same(a, c);
    for (const digest of digests) assert.ok(await c.fetch(digest), 'a chunk is missing');
  });
});

test('a server set back to an old copy is brought forward, and no node goes back', async () => {
  const server = await natsServer();
  const mesh = newMesh();
  const config = { url: server.url, ...never };
  const [a, b] = [await mesh.node('a', config).start(), await mesh.node('b', config).start()];
  await Promise.all([a.connected(), b.connected()]);
  for (let i = 0; i < 10; i++) await a.put(`function/default/f${i}`, 'old');
  await server.kill();
  const setBack = await server.backUp();
  await server.start();
  await a.connected();
  await eventually(async () => {
    for (let i = 0; i < 20; i++) {
      assert.equal((await a.put(`function/default/f${i}`, 'new')).outcome, 'stored');
    }
  });
  const heads = a.table.heads();
  await server.kill();
  await setBack();
  await server.start();
  await Promise.all([a.connected(), b.connected()]);
  const late = await mesh.node('late', config).start();
  await eventually(() => assert.deepEqual(late.table.heads(), heads));
  assert.deepEqual(a.table.heads(), heads);
  neverBackwards(a);
  neverBackwards(b);
});

test('bucket and stream deleted under a live connection come back with everything', async () => {
  const mesh = newMesh();
  const config = { url: shared.url, prefix: 'gone', reconcileIntervalMs: 200 };
  const a = await mesh.node('a', config).start();
  await a.connected();
  await a.put('function/default/f');
  const digest = a.hold(new SeededRandom(4).bytes(500));
  await a.replication.publishChunk(digest, a.chunks.get(digest) ?? assert.fail());
  const manager = await (await asOperator(shared)).jetstreamManager();
  await manager.streams.delete('KV_gone-registry');
  await manager.streams.delete('GONE_CHUNKS');
  await a.put('function/default/g');
  const b = await mesh.node('b', config).start();
  await eventually(async () => {
    assert.equal(Object.keys(b.table.heads()).length, 2);
    await a.replication.publishChunk(digest, a.chunks.get(digest) ?? assert.fail());
    assert.equal((await b.fetch(digest))?.length, 500);
  });
});

test('a chunk stream that is deleted under a live connection is filled again without a deploy', async () => {
  const mesh = newMesh();
  const config = { url: shared.url, prefix: 'emptied', ...never };
  const a = await mesh.node('a', config).start();
  await a.connected();
  const digest = a.hold(new SeededRandom(5).bytes(500));
  await a.replication.publishChunk(digest, a.chunks.get(digest) ?? assert.fail());
  // Past the rounds that compare all chunks anyway: the first of a connection.
  await a.replication.reconcileNow();
  const manager = await (await asOperator(shared)).jetstreamManager();
  await manager.streams.delete('EMPTIED_CHUNKS');
  await a.replication.reconcileNow();
  await eventually(async () => {
    const { state } = await manager.streams.info('EMPTIED_CHUNKS');
    assert.equal(state.messages, 1);
  }, 10_000);
});

test('a rotten block of the chunk stream gives no wrong bytes, and is healed', async () => {
  const server = await natsServer();
  const mesh = newMesh();
  const a = await mesh.node('a', { url: server.url, reconcileIntervalMs: 200 }).start();
  await a.connected();
  const bytes = new SeededRandom(5).bytes(50_000);
  const digest = a.hold(bytes);
  await eventually(async () =>
    assert.equal(await a.replication.publishChunk(digest, bytes), 'stored'),
  );
  await server.kill();
  const [block] = await server.blockFiles('POPMESH_CHUNKS');
  await server.damage(block ?? assert.fail('no block file'), bytes.subarray(20_000, 20_100));
  await server.start();
  await eventually(async () => {
    const read = await a.fetch(digest);
    if (read !== undefined) assert.deepEqual(read, bytes, 'wrong bytes were given out');
    assert.ok(read !== undefined, 'not healed yet');
  });
});

test('a frozen server delays neither publish nor stop, and is left', async () => {
  const server = await natsServer();
  const mesh = newMesh();
  const config = { url: server.url, publishWaitMs: 150, pingIntervalMs: 100, ...never };
  const a = await mesh.node('a', config).start();
  // Without pings and deadlines, whatever waited for the server would hang.
  const patient = { requestTimeoutMs: 3_600_000, pingIntervalMs: 3_600_000 };
  const b = await mesh.node('b', { ...config, ...patient }).start();
  await Promise.all([a.connected(), b.connected()]);
  await server.freeze();
  assert.equal((await a.put('function/default/f')).outcome, 'pending');
  assert.equal((await b.put('function/default/g')).outcome, 'pending');
  await b.replication.stop();
  await eventually(() => assert.equal(a.replication.status().connected, false));
  server.thaw();
  await a.connected();
  await eventually(() => assert.equal(a.replication.status().pending, 0));
});

test('a token is asked for: wrong ones dial on without harm, the right one works', async () => {
  const server = await natsServer('authorization { token: "s3cret" }');
  const mesh = newMesh();
  const wrong = await mesh.node('w', { url: server.url, token: 'nope', ...never }).start();
  const right = await mesh.node('r', { url: server.url, token: 's3cret', ...never }).start();
  await right.connected();
  assert.equal((await right.put('function/default/f')).outcome, 'stored');
  assert.equal(wrong.replication.status().connected, false);
  assert.equal((await wrong.put('function/default/f')).outcome, 'pending');
});

test('a server without JetStream is waited for, not crashed on', async () => {
  const server = await natsServer('jetstream: disabled');
  const mesh = newMesh();
  const a = await mesh.node('a', { url: server.url, requestTimeoutMs: 200 }).start();
  await eventually(() => assert.match(a.replication.status().version ?? '', /^2\./));
  await assert.rejects(a.replication.reconcileNow());
  assert.equal(a.replication.status().connected, false);
  assert.equal((await a.put('function/default/f')).outcome, 'pending');
});

test('a record that the server is too small for does not hold up the others', async () => {
  const server = await natsServer('max_payload: 4096');
  const mesh = newMesh();
  const a = await mesh.node('a', { url: server.url, ...never }).start();
  await a.connected();
  const large = a.put('function/default/large', 'x'.repeat(5_000));
  for (let i = 0; i < 20; i++) {
    assert.equal((await a.put(`function/default/f${i}`)).outcome, 'stored');
  }
  await a.replication.stop();
  assert.equal((await large).outcome, 'pending');
});

test('a store that is full is a problem with its reason, and none when there is room again', async () => {
  const mesh = newMesh();
  const config = { url: shared.url, prefix: 'full', publishWaitMs: 200, ...never };
  const a = await mesh.node('a', { ...config, chunkStreamBytesMax: 64 * 1024 }).start();
  await eventually(() => assert.equal(a.replication.status().problem, undefined));
  const bytes = new Uint8Array(100 * 1024).fill(7);
  const digest = a.hold(bytes);
  assert.equal(await a.replication.publishChunk(digest, bytes), 'pending');
  // The answer may come before the store's, on a busy machine.
  await eventually(() => {
    const { connected, problem } = a.replication.status();
    assert.equal(connected, true, 'which is not all there is to say');
    assert.match(problem ?? '', /^NATS: .*maximum bytes exceeded/);
  });
  const operator = await (await asOperator(shared)).jetstreamManager();
  await operator.streams.update('FULL_CHUNKS', { max_bytes: -1 });
  await eventually(async () => {
    // A filling that failed is tried again with the next comparison, which is an hour away here.
    await a.replication.reconcileNow();
    assert.equal(a.replication.status().problem, undefined);
  });
  await eventually(async () => assert.deepEqual(await a.fetch(digest), bytes));

  // Likewise for records.
  await operator.streams.update('KV_full-registry', { max_bytes: 1 });
  assert.equal((await a.put('function/default/f')).outcome, 'pending');
  await eventually(() => assert.match(a.replication.status().problem ?? '', /maximum bytes/));
  await operator.streams.update('KV_full-registry', { max_bytes: -1 });
  await eventually(() => assert.equal(a.replication.status().problem, undefined));
});

test('a connection that ends in the moment it begins is dialled again', async () => {
  const { host, port } = await ownAddress();
  let dialled = 0;
  // As a server that is full: it greets, and hangs up with the answer to the first ping.
  const full = createServer((socket) => {
    dialled++;
    socket.on('error', () => {});
    socket.write('INFO {"server_id":"x","version":"2.10.0","max_payload":1048576}\r\n');
    socket.once('data', () => socket.end("PONG\r\n-ERR 'maximum connections exceeded'\r\n"));
  });
  full.listen(port, host);
  const mesh = newMesh();
  const a = await mesh.node('a', { url: `nats://${host}:${port}`, ...never }).start();
  try {
    await eventually(() => assert.ok(dialled > 2, `${dialled}`));
  } finally {
    await a.replication.stop();
    full.close();
  }
});

test('announcements do not belong into the registry; bad configuration is told', async () => {
  const mesh = newMesh();
  const a = mesh.node('a', { url: shared.url, prefix: 'x' });
  await assert.rejects(a.replication.publishRecord(a.seal('node/a')), hasCode('invalid_argument'));
  assert.throws(() => mesh.node('b', { url: '', prefix: 'no.dots' }), hasCode('invalid_config'));
});

function neverBackwards(node: TestNode): void {
  const highest = new Map<string, bigint>();
  for (const { key, revision } of node.table.applied) {
    assert.ok(revision > (highest.get(key) ?? 0n), `${key} went back`);
    highest.set(key, revision);
  }
}

function hasCode(code: string) {
  return (error: unknown): boolean => error instanceof PopmeshError && error.code === code;
}
