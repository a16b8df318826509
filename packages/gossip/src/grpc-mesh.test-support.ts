import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, HybridClock, noMetrics, type Random, silentLogger } from '@popmesh/contracts';
import {
  CertificateCache,
  type GrpcServer,
  generateKeyPair,
  issueNodeIdentity,
  Mesh,
  openRecord,
  sealRecord,
  startGrpcServer,
} from '@popmesh/protocol';
import { createGossip, diskPersistence, type Gossip, GrpcGossipTransport } from './index.ts';

/** Run by `grpc-transport.test.ts` as a process: real sockets, real disk, real time. */

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  setTimer: (ms, run) => {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
const random: Random = {
  float: Math.random,
  integer: (below) => Math.floor(Math.random() * below),
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

const root = generateKeyPair();
const hybrid = new HybridClock(clock);
const identity = issueNodeIdentity(root.privateKey, 'n0');
const folder = await mkdtemp(join(tmpdir(), 'popmesh-grpc-'));
const transports: GrpcGossipTransport[] = [];

interface Running {
  readonly gossip: Gossip;
  readonly server: GrpcServer;
}

async function start(id: string, seeds: readonly string[], port = 0): Promise<Running> {
  const cache = new CertificateCache();
  const transport = new GrpcGossipTransport();
  transports.push(transport);
  let server: GrpcServer | undefined;
  const gossip = createGossip({
    self: { id, role: 'node', address: () => server?.address ?? '', pop: 'fra' },
    seeds,
    openEnvelope: (envelope) => openRecord(root.publicKey, envelope, cache),
    transport,
    persistence: diskPersistence({ directory: join(folder, id), logger: silentLogger }),
    config: { profile: 'local' },
    clock,
    random,
    logger: silentLogger,
    metrics: noMetrics,
  });
  const unused = async function* () {};
  const handlers = { ...gossip.handlers, fetchChunk: unused, tailLogs: unused };
  server = await startGrpcServer({ service: Mesh, handlers, host: '127.0.0.1', port });
  await gossip.start(AbortSignal.timeout(5000));
  return { gossip, server };
}

async function kill({ gossip, server }: Running): Promise<void> {
  await Promise.all([server.stop(0), gossip.stop()]);
}

async function until(what: string, limitMs: number, done: () => boolean): Promise<void> {
  const startedMs = clock.monotonic();
  while (!done()) {
    assert.ok(clock.monotonic() - startedMs < limitMs, `${what} took over ${limitMs} ms`);
    await clock.sleep(5);
  }
  console.log(`${what}: ${Math.round(clock.monotonic() - startedMs)} ms`);
}

const sees = ({ gossip }: Running, id: string, state: string): boolean =>
  gossip.members().some((member) => member.id === id && member.state === state);

const n0 = await start('n0', []);
const n1 = await start('n1', [n0.server.address]);
let n2 = await start('n2', [n0.server.address]);
const all = () => [n0, n1, n2];
await until('everyone alive', 5000, () =>
  all().every((one) => ['n0', 'n1', 'n2'].every((id) => sees(one, id, 'alive'))),
);

const deploy = async (name: string): Promise<void> => {
  const payload = new TextEncoder().encode(name);
  const key = `function/default/${name}`;
  await n0.gossip.table.apply(sealRecord(identity, key, hybrid.next(), payload), 'local');
};
for (let i = 0; i < 5; i++) {
  await deploy(`f${i}`);
  await until('deploy on all', 2000, () => all().every((one) => one.gossip.table.size === i + 1));
}

const { address } = n2.server;
await kill(n2);
await until('death seen', 8000, () => [n0, n1].every((one) => sees(one, 'n2', 'dead')));
await deploy('while-away');
n2 = await start('n2', [n0.server.address], Number(address.split(':')[1]));
assert.equal(n2.server.address, address);
assert.equal(n2.gossip.table.size, 5, 'the disk was loaded before start resolved');
await until('return seen', 4000, () => [n0, n1].every((one) => sees(one, 'n2', 'alive')));
await until('return up to date', 2000, () => n2.gossip.table.size === 6);

await n2.gossip.leave();
assert.ok([n0, n1].every((one) => sees(one, 'n2', 'left')));

await Promise.all(all().map(kill));
await rm(folder, { recursive: true });
assert.ok(transports.every((transport) => transport.channels === 0));
// Pipes to the parent are not ours; anything else would keep the process alive.
await until('nothing left open', 3000, () =>
  process
    .getActiveResourcesInfo()
    .every((name) => ['PipeWrap', 'Timeout', 'TTYWrap'].includes(name)),
);
