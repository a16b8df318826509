import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import {
  type Clock,
  HybridClock,
  type MergeOutcome,
  mergeRecord,
  type OpaqueRecord,
  type RecordOrigin,
  type RecordTable,
} from '@popmesh/contracts';
import { realClock, realRandom } from '@popmesh/daemon';
import {
  CertificateCache,
  generateKeyPair,
  issueNodeIdentity,
  type NodeIdentity,
  openRecord,
  sealRecord,
} from '@popmesh/protocol';
import { Registry } from './registry.ts';
import { createReplication, type Replication, type ReplicationOptions } from './replication.ts';

/** One mesh's root, and nodes of it without anything but a table and replication. */

export class MemoryRecordTable implements RecordTable {
  readonly #records = new Map<string, OpaqueRecord>();
  readonly #listeners = new Set<(record: OpaqueRecord, origin: RecordOrigin) => void>();
  /** Revisions in the order applied, to check that none ever goes back. */
  readonly applied: OpaqueRecord[] = [];

  get(key: string): OpaqueRecord | undefined {
    return this.#records.get(key);
  }

  list(prefix: string): OpaqueRecord[] {
    const keys = [...this.#records.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => this.#records.get(key) as OpaqueRecord);
  }

  async apply(record: OpaqueRecord, origin: RecordOrigin): Promise<MergeOutcome> {
    // A disk takes a moment, in which others run.
    await new Promise((resolve) => setImmediate(resolve));
    const outcome = mergeRecord(this.#records.get(record.key), record);
    if (outcome !== 'applied') return outcome;
    this.#records.set(record.key, record);
    this.applied.push(record);
    for (const listener of this.#listeners) listener(record, origin);
    return outcome;
  }

  onApplied(listener: (record: OpaqueRecord, origin: RecordOrigin) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  heads(): Record<string, bigint> {
    return Object.fromEntries(this.list('').map(({ key, revision }) => [key, revision]));
  }
}

export class TestMesh {
  readonly root = generateKeyPair();
  readonly #nodes: TestNode[] = [];

  identity(id: string): NodeIdentity {
    return issueNodeIdentity(this.root.privateKey, id);
  }

  node(id: string, config: ReplicationOptions['config'], clock = realClock): TestNode {
    const node = new TestNode(this, id, config, clock);
    this.#nodes.push(node);
    return node;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.replication.stop()));
  }
}

export class TestNode {
  readonly identity: NodeIdentity;
  readonly table = new MemoryRecordTable();
  readonly chunks = new Map<string, Uint8Array>();
  readonly replication: Replication;
  /** As they were told. */
  readonly problems: (string | undefined)[] = [];
  readonly registry: Registry;
  readonly hybridClock = new HybridClock(realClock);

  constructor(mesh: TestMesh, id: string, config: ReplicationOptions['config'], clock: Clock) {
    const cache = new CertificateCache();
    this.identity = mesh.identity(id);
    this.registry = new Registry({
      table: this.table,
      identity: this.identity,
      rootPublicKey: mesh.root.publicKey,
      clock: this.hybridClock,
    });
    this.replication = createReplication({
      // Only who says so is content with `pending`: a busy machine must not make it out of `stored`.
      config: { backoffMinMs: 50, backoffMaxMs: 300, publishWaitMs: 60_000, ...config },
      table: this.table,
      openEnvelope: (envelope) => openRecord(mesh.root.publicKey, envelope, cache),
      clock,
      random: realRandom,
      onProblemChanged: () => this.problems.push(this.replication.status().problem),
    });
    this.replication.reseed({
      inUse: () => this.chunks.keys(),
      read: async (digest) => this.chunks.get(digest),
    });
  }

  async start(): Promise<this> {
    await this.replication.start(new AbortController().signal);
    return this;
  }

  seal(key: string, payload = 'x', revision = this.hybridClock.next()): OpaqueRecord {
    return sealRecord(this.identity, key, revision, Buffer.from(payload));
  }

  /** As a deploy does: on disk first, then told. */
  async put(key: string, payload = 'x') {
    const record = this.seal(key, payload);
    await this.table.apply(record, 'local');
    return { record, outcome: await this.replication.publishRecord(record) };
  }

  hold(bytes: Uint8Array): string {
    const digest = hash('sha256', bytes, 'hex');
    this.chunks.set(digest, bytes);
    return digest;
  }

  fetch(digest: string): Promise<Uint8Array | undefined> {
    const signal = new AbortController().signal;
    return this.replication.chunkSource.fetch(digest, { signal, sizeBytesMax: 256 * 1024 });
  }

  connected(): Promise<void> {
    return eventually(() => assert.ok(this.replication.status().connected, 'not connected'));
  }
}

/** Polls a condition of the outside world; fails with the condition's own error at the deadline. */
export async function eventually(
  check: () => void | Promise<void>,
  deadlineMs = 60_000,
): Promise<void> {
  const until = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (caught) {
      if (performance.now() > until) throw caught;
    }
    await realClock.sleep(15);
  }
}
