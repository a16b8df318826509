import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HybridClock, noMetrics, silentLogger } from '@popmesh/contracts';
import { realClock, realRandom } from '@popmesh/daemon';
import { createGossip, GrpcGossipTransport, memoryPersistence } from '@popmesh/gossip';
import {
  CertificateCache,
  create,
  FunctionRecordSchema,
  fromBinary,
  functionKey,
  GatewayAnnouncementSchema,
  gatewayKey,
  generateKeyPair,
  issueNodeIdentity,
  Mesh,
  NodeAnnouncementSchema,
  nodeKey,
  openRecord,
  sealRecord,
  startGrpcServer,
  toBinary,
} from '@popmesh/protocol';
import { gatewayConfigSchema } from './config.ts';
import { FRA, named, TestNode } from './test-mesh.ts';

/** The daemon itself, as its own process, against a real gossip member and a real upstream. */

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

interface Ready {
  readonly address: string;
  readonly admin: string;
}

/** A guard against hanging, for machines of any speed. */
const HANGS_MS = 60_000;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + HANGS_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The parent is told after five seconds at most, which on a slow machine is too soon. */
const untilReady = ({ admin }: Ready): Promise<void> =>
  until('readiness', async () => (await fetch(`http://${admin}/readyz`)).status === 200);

async function fakeNode(root: ReturnType<typeof generateKeyPair>, upstream: TestNode) {
  const identity = issueNodeIdentity(root.privateKey, 'fra-1');
  const cache = new CertificateCache();
  let address = '';
  const gossip = createGossip({
    self: { id: 'fra-1', role: 'node', address: () => address, pop: 'fra' },
    seeds: [],
    openEnvelope: (envelope) => openRecord(root.publicKey, envelope, cache),
    transport: new GrpcGossipTransport(),
    persistence: memoryPersistence(),
    config: { profile: 'local' },
    clock: realClock,
    random: realRandom,
    logger: silentLogger,
    metrics: noMetrics,
  });
  const server = await startGrpcServer({
    service: Mesh,
    host: '127.0.0.1',
    port: 0,
    handlers: {
      ...gossip.handlers,
      async *fetchChunk() {},
      async *tailLogs() {},
    },
  });
  address = server.address;
  await gossip.start(new AbortController().signal);
  const revisions = new HybridClock(realClock);
  const publish = (key: string, payload: Uint8Array) =>
    gossip.table.apply(sealRecord(identity, key, revisions.next(), payload), 'local');
  await publish(
    nodeKey('fra-1'),
    toBinary(NodeAnnouncementSchema, upstream.announcement('default/hello', 1n)),
  );
  const setFunction = (deleted: boolean) =>
    publish(
      functionKey('default', 'hello'),
      toBinary(
        FunctionRecordSchema,
        create(FunctionRecordSchema, {
          namespace: 'default',
          name: 'hello',
          deleted,
          versions: [{ number: 1 }],
          aliases: [{ name: 'live', targets: [{ version: 1, weight: 1 }] }],
          lastVersion: 1,
        }),
      ),
    );
  await setFunction(false);
  return {
    address,
    gossip,
    setFunction,
    stop: async () => {
      await gossip.stop();
      await server.stop(100);
    },
  };
}

async function run(file: string): Promise<{ child: ChildProcess; ready: Ready; ms: number }> {
  const at = performance.now();
  const child = fork(MAIN, ['--config', file], { execPath: process.execPath, silent: true });
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => assert.fail(`exited with ${code}`)),
  ])) as [Ready];
  return { child, ready: message, ms: performance.now() - at };
}

function logOf(child: ChildProcess): () => string {
  let log = '';
  child.stderr?.on('data', (data) => {
    log += data;
  });
  return () => log;
}

test('joins, serves, survives the loss of all peers and its own restart, drains', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'popmesh-gateway-'));
  const upstream = new TestNode('fra-1', FRA, named('hello'));
  await upstream.start();
  const root = generateKeyPair();
  const node = await fakeNode(root, upstream);
  let child: ChildProcess | undefined;
  try {
    const identity = issueNodeIdentity(root.privateKey, 'gw-1');
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
    await writeFile(
      join(directory, 'identity.json'),
      JSON.stringify({
        id: 'gw-1',
        publicKey: text(identity.publicKey),
        privateKey: text(identity.privateKey),
        certificate: text(identity.certificate),
      }),
      { mode: 0o600 },
    );
    const file = join(directory, 'gateway.toml');
    await writeFile(
      file,
      `id = "gw-1"
data_dir = "data"
domain = "example.test"
trusted_proxies = ["127.0.0.1/32"]
log_level = "error"
[listen]
port = 0
[mesh]
root_public_key = "${text(root.publicKey)}"
seeds = ["${node.address}"]
[location]
latitude = 50.1
longitude = 8.7
[drain]
notice_ms = 50
`,
    );
    const first = await run(file);
    child = first.child;
    await untilReady(first.ready);
    const hello = async (address: string): Promise<Response> =>
      fetch(`http://${address}/default/hello/x`);
    assert.equal(await (await hello(first.ready.address)).text(), 'hello');
    const nodes = (await (await fetch(`http://${first.ready.admin}/v1/nodes`)).json()) as {
      dataPlanes: { node: string; health: string }[];
    };
    assert.equal(nodes.dataPlanes[0]?.node, 'fra-1');
    assert.match(
      await (await fetch(`http://${first.ready.admin}/metrics`)).text(),
      /gateway_requests_total\{status="2xx"\} 1/,
    );
    // The mesh knows the gateway.
    await until('the announcement', async () => {
      const announced = node.gossip.table.get(gatewayKey('gw-1'));
      if (announced === undefined) return false;
      const payload = fromBinary(GatewayAnnouncementSchema, announced.payload);
      return payload.address === first.ready.address && payload.state === 'ready';
    });
    // A delete reaches it and is a 404; so does what is deployed again.
    const answers = (status: number): Promise<void> =>
      until(`${status}`, async () => (await hello(first.ready.address)).status === status);
    await node.setFunction(true);
    await answers(404);
    await node.setFunction(false);
    await answers(200);
    // Without any peer it serves on, and after a kill -9 it comes back from disk.
    await node.stop();
    const cache = join(directory, 'data', 'gossip', 'announcements.cache');
    await until('the announcements to be written down', async () =>
      (await readFile(cache, 'latin1').catch(() => '')).includes(upstream.address),
    );
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    const second = await run(file);
    child = second.child;
    await untilReady(second.ready);
    assert.equal(await (await hello(second.ready.address)).text(), 'hello');
    // The folder has an owner; SIGHUP takes over limits, and nothing of a broken file.
    const rival = fork(MAIN, [file], { execPath: process.execPath, silent: true });
    const rivalErrors = logOf(rival);
    assert.deepEqual((await once(rival, 'exit'))[0], 2);
    assert.match(rivalErrors(), new RegExp(`is in use by process ${second.child.pid}`));
    const log = logOf(second.child);
    const settings = await readFile(file, 'utf8');
    const hangUp = async (wanted: string, told: RegExp): Promise<void> => {
      await writeFile(file, wanted);
      second.child.kill('SIGHUP');
      await until(String(told), async () => told.test(log()));
    };
    const long = `http://${second.ready.address}/default/hello/${'x'.repeat(200)}`;
    await hangUp(`nonsense = 1\n${settings}`, /line 1: nonsense: unknown key/);
    assert.equal((await fetch(long)).status, 200);
    await hangUp(
      `${settings}[limits]\nurl_bytes_max = 100\nheader_bytes_max = 9000\n`.replace(
        'log_level = "error"',
        'log_level = "info"',
      ),
      /"needRestart":\["limits\.header_bytes_max"\]/,
    );
    assert.equal((await fetch(long)).status, 414);
    await hangUp(settings.replace('log_level = "error"', ''), /"needRestart":\[\]/);
    assert.equal((await fetch(long)).status, 200);
    t.diagnostic(`first start ${first.ms.toFixed(0)} ms, restart ${second.ms.toFixed(0)} ms`);
    second.child.kill('SIGTERM');
    const [code] = (await once(second.child, 'exit')) as [number];
    assert.equal(code, 0);
    child = undefined;
  } finally {
    child?.kill('SIGKILL');
    await node.stop();
    await upstream.kill();
    await rm(directory, { recursive: true, force: true });
  }
});

test('a wrong config ends with code 2 and says all that is wrong', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'popmesh-gateway-'));
  try {
    const file = join(directory, 'gateway.toml');
    await writeFile(file, 'id = "Bad Id"\nnonsense = 1\n[listen]\nmesh_host = "0.0.0.0"\n');
    const child = fork(MAIN, [file], { execPath: process.execPath, silent: true });
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 2);
    for (const word of ['nonsense', 'DNS label', 'data_dir']) {
      assert.ok(stderr.includes(word), `${word} in ${stderr}`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('an address that nobody can connect to is not told to the mesh', () => {
  const mesh = { rootPublicKey: 'A'.repeat(43) };
  const parse = (listen: object, seeds: string[] = []) =>
    gatewayConfigSchema.safeParse({
      id: 'gw-1',
      dataDir: 'd',
      tls: { cert: 'c', key: 'k', ca: 'a' },
      listen,
      mesh: { ...mesh, seeds },
    }).error?.issues[0];
  const away = parse({ host: '10.0.0.9' }, ['10.0.0.1:7401']);
  assert.deepEqual(away?.path, ['listen', 'meshHost']);
  assert.match(away?.message ?? '', /seed 10\.0\.0\.1:7401.*set listen\.mesh_host/);
  assert.deepEqual(parse({ host: '0.0.0.0' })?.path, ['listen', 'host']);
  assert.deepEqual(parse({ meshHost: '::' })?.path, ['listen', 'meshHost']);
  assert.deepEqual(parse({ advertiseHost: '0.0.0.0' })?.path, ['listen', 'advertiseHost']);
  assert.equal(parse({ host: '::', meshHost: '0.0.0.0', advertiseHost: '10.0.0.9' }), undefined);
  assert.equal(parse({ host: '10.0.0.9', meshHost: '10.0.0.9' }, ['10.0.0.1:7401']), undefined);
});
