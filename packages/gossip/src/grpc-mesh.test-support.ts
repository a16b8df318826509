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
import { type OwnAddress, ownAddress } from '@popmesh/simulation';
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

async function start(
  id: string,
  seeds: readonly string[],
  { host, port }: OwnAddress,
): Promise<Running> {
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
  server = await startGrpcServer({ service: Mesh, handlers, host, port });
  await gossip.start(new AbortController().signal);
  return { gossip, server };
}

async function kill({ gossip, server }: Running): Promise<void> {
  await Promise.all([server.stop(0), gossip.stop()]);
}

/** Only against hanging: how long it may take is tested on virtual time, and measured by the bench. */
const HANGS_MS = 60_000;

async function until(what: string, done: () => boolean): Promise<void> {
  const startedMs = clock.monotonic();
  while (!done()) {
    assert.ok(clock.monotonic() - startedMs < HANGS_MS, `${what} took over ${HANGS_MS} ms`);
    await clock.sleep(5);
  }
  console.log(`${what}: ${Math.round(clock.monotonic() - startedMs)} ms`);
}

const sees = ({ gossip }: Running, id: string, state: string): boolean =>
  gossip.members().some((member) => member.id === id && member.state === state);

const n2Address = await ownAddress();
const n0 = await start('n0', [], await ownAddress());
const n1 = await start('n1', [n0.server.address], await ownAddress());
let n2 = await start('n2', [n0.server.address], n2Address);
const all = () => [n0, n1, n2];
await until('everyone alive', () =>
  all().every((one) => ['n0', 'n1', 'n2'].every((id) => sees(one, id, 'alive'))),
);

const deploy = async (name: string): Promise<void> => {
  const payload = new TextEncoder().encode(name);
  const key = `function/default/${name}`;
  await n0.gossip.table.apply(sealRecord(identity, key, hybrid.next(), payload), 'local');
};
for (let i = 0; i < 5; i++) {
  await deploy(`f${i}`);
  await until('deploy on all', () => all().every((one) => one.gossip.table.size === i + 1));
}

await kill(n2);
await until('death seen', () => [n0, n1].every((one) => sees(one, 'n2', 'dead')));
await deploy('while-away');
n2 = await start('n2', [n0.server.address], n2Address);
assert.equal(n2.gossip.table.size, 5, 'the disk was loaded before start resolved');
await until('return seen', () => [n0, n1].every((one) => sees(one, 'n2', 'alive')));
await until('return up to date', () => n2.gossip.table.size === 6);

// On a machine that is slow enough the good-bye is given up before it is heard, and spreads later.
await n2.gossip.leave();
await until('good-bye heard', () => [n0, n1].every((one) => sees(one, 'n2', 'left')));

await Promise.all(all().map(kill));
await rm(folder, { recursive: true });
assert.ok(transports.every((transport) => transport.channels === 0));
// Pipes to the parent are not ours; anything else would keep the process alive.
await until('nothing left open', () =>
  process
    .getActiveResourcesInfo()
    .every((name) => ['PipeWrap', 'Timeout', 'TTYWrap'].includes(name)),
);
