import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@popmesh/contracts';
import {
  CertificateCache,
  generateKeyPair,
  issueNodeIdentity,
  openRecord,
  sealRecord,
} from '@popmesh/protocol';
import { diskPersistence } from './disk-persistence.ts';
import { GossipRecordTable } from './record-table.ts';
import { SimulatedMesh } from './simulated-mesh.test-support.ts';

/**
 * Figures for ARCHITECTURE.md, run by hand: `node packages/gossip/src/gossip-bench.test-support.ts`.
 * Prints, asserts nothing. Network figures are on virtual time, so they are the
 * protocol's own; disk, CPU and memory are this machine's.
 */

const RECORDS = 10_000;
const PAYLOAD_BYTES = 1500;
const say = (what: string, value: string): void => console.log(`${what.padEnd(58)} ${value}`);
const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

async function spread(count: number): Promise<void> {
  const faults = { delayMs: 4, jitterMs: 3 };
  const taken: number[] = [];
  for (let seed = 1; seed <= 40; seed++) {
    const mesh = new SimulatedMesh({ seed, faults });
    await mesh.grow(count);
    await mesh.until('a full view', () => mesh.membersAgree(), 5000);
    for (let i = 1; i <= 5; i++) {
      await mesh.deploy(`n${mesh.random.integer(count)}`, `f${i}`, 'x');
      const all = () => mesh.running.every(({ gossip }) => gossip.table.size === i);
      const startedMs = mesh.clock.monotonic();
      await mesh.clock.advanceUntil(all, 60_000, 1);
      taken.push(mesh.clock.monotonic() - startedMs);
    }
    await mesh.stop();
  }
  taken.sort((a, b) => a - b);
  const [p50, p99, worst] = [0.5, 0.99, 1].map((share) => Math.round(percentile(taken, share)));
  say(`a deploy on all of ${count}, 4 ± 3 ms links`, `p50 ${p50}, p99 ${p99}, max ${worst} ms`);
}

async function idle(count: number): Promise<void> {
  const mesh = new SimulatedMesh({ seed: 1 });
  await mesh.grow(count);
  await mesh.clock.advance(30_000);
  const before = mesh.network.counts.sent;
  await mesh.clock.advance(60_000);
  const perNode = (mesh.network.counts.sent - before) / 60 / count;
  say(`messages out of an idle node of ${count}`, `${perNode.toFixed(1)} a second`);
  await mesh.stop();
}

async function lossy(loss: number): Promise<void> {
  let falseDeaths = 0;
  const seeds = 10;
  for (let seed = 1; seed <= seeds; seed++) {
    const mesh = new SimulatedMesh({ seed, faults: { delayMs: 100, jitterMs: 50, loss } });
    await mesh.grow(5);
    await mesh.clock.advance(30_000);
    for (const { member } of mesh.running) member.beliefs.clear();
    await mesh.clock.advance(600_000);
    const dead = new Set(
      mesh.running.flatMap(({ member }) => [...member.beliefs].filter((it) => it.endsWith('dead'))),
    );
    falseDeaths += dead.size;
    await mesh.stop();
  }
  say(`members falsely dead, ${loss * 100} % loss, 10 min × ${seeds} seeds`, `${falseDeaths}`);
}

async function disk(): Promise<void> {
  const root = generateKeyPair();
  const identity = issueNodeIdentity(root.privateKey, 'n0');
  const cache = new CertificateCache();
  const directory = await mkdtemp(join(tmpdir(), 'popmesh-bench-'));
  const sealed = Array.from({ length: RECORDS }, (_, i) =>
    sealRecord(identity, `function/d/f${i}`, BigInt(i + 1), new Uint8Array(PAYLOAD_BYTES)),
  );
  const persistence = diskPersistence({ directory, logger: silentLogger });
  await persistence.open();
  const one: number[] = [];
  for (const record of sealed.slice(0, 200)) {
    const startedMs = performance.now();
    await persistence.append(record);
    one.push(performance.now() - startedMs);
  }
  one.sort((a, b) => a - b);
  say('append with fsync, one at a time', `p50 ${percentile(one, 0.5).toFixed(2)} ms`);
  let startedMs = performance.now();
  await Promise.all(sealed.map((record) => persistence.append(record)));
  say(`append ${RECORDS} together`, `${Math.round(performance.now() - startedMs)} ms`);
  await persistence.close();

  global.gc?.();
  const rssBefore = process.memoryUsage().rss;
  startedMs = performance.now();
  const again = diskPersistence({ directory, logger: silentLogger });
  const { records } = await again.open();
  const readMs = performance.now() - startedMs;
  const table = new GossipRecordTable({
    persistence: again,
    openEnvelope: (envelope) => openRecord(root.publicKey, envelope, cache),
    time: { now: Date.now } as never,
    logger: silentLogger,
    revisionAheadMaxMs: 1,
    recordsMax: 50_000,
  });
  table.load(records);
  const loadMs = performance.now() - startedMs;
  say(
    `start with ${table.size} records: read, then verified`,
    `${Math.round(readMs)}, ${Math.round(loadMs)} ms`,
  );
  const grownMb = (process.memoryUsage().rss - rssBefore) / 1e6;
  say('memory grown by that', `${Math.round(grownMb)} MB`);
  await again.close();
  await rm(directory, { recursive: true });
}

for (const count of [3, 5, 10, 20]) await spread(count);
for (const count of [3, 20]) await idle(count);
for (const loss of [0.1, 0.3]) await lossy(loss);
await disk();
