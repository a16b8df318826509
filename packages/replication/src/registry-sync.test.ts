import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeRecord, noMetrics, type OpaqueRecord, silentLogger } from '@popmesh/contracts';
import fc from 'fast-check';
import { KnownRecords, type ScanPlan, type StreamFacts } from './known-records.ts';
import { natsNames } from './nats-names.ts';
import { Outbox } from './outbox.ts';
import type { BucketEntry } from './registry-bucket.ts';
import { RegistrySync, type SyncedBucket } from './registry-sync.ts';
import { MemoryRecordTable } from './test-node.test-support.ts';

/**
 * Several nodes and one bucket, through writes, lost, doubled and reordered
 * messages, purges, wipes and old copies: in the end all hold the same, and it
 * is the newest of everything ever accepted.
 */

const names = natsNames('popmesh');

interface Stored {
  readonly created: number;
  readonly lastSequence: number;
  readonly messages: ReadonlyMap<string, BucketEntry>;
}

/** What JetStream promises of a stream with one message per subject, and what operators do to it. */
class ModelBucket implements SyncedBucket {
  #stored: Stored = { created: 0, lastSequence: 0, messages: new Map() };
  /** Every publish ever, accepted or not: what a core subscription may see, in any order. */
  readonly published: { subject: string; envelope: Uint8Array }[] = [];
  #creations = 0;

  async ensure(): Promise<StreamFacts> {
    const { created, lastSequence, messages } = this.#stored;
    return { createdAt: String(created), lastSequence, keys: messages.size };
  }

  async scan(plan: ScanPlan, take: (batch: BucketEntry[]) => Promise<void>): Promise<void> {
    const found = [...this.#stored.messages.values()]
      .filter((entry) => entry.sequence >= plan.fromSequence)
      .sort((a, b) => a.sequence - b.sequence);
    for (let at = 0; at < found.length; at += 3) await take(found.slice(at, at + 3));
  }

  async read(key: string): Promise<BucketEntry | undefined> {
    return this.#stored.messages.get(names.recordSubject(key));
  }

  async write(key: string, envelope: Uint8Array, expected: number): Promise<number | undefined> {
    const subject = names.recordSubject(key);
    this.published.push({ subject, envelope });
    const { created, lastSequence, messages } = this.#stored;
    if ((messages.get(subject)?.sequence ?? 0) !== expected) return undefined;
    const sequence = lastSequence + 1;
    this.#stored = {
      created,
      lastSequence: sequence,
      messages: new Map(messages).set(subject, { subject, sequence, envelope }),
    };
    return sequence;
  }

  purge(key: string): void {
    const messages = new Map(this.#stored.messages);
    messages.delete(names.recordSubject(key));
    this.#stored = { ...this.#stored, messages };
  }

  /** Somebody's `nats kv del`, or bytes of another program. */
  spoil(key: string, envelope: Uint8Array | undefined): void {
    const subject = names.recordSubject(key);
    const sequence = this.#stored.lastSequence + 1;
    const messages = new Map(this.#stored.messages).set(subject, { subject, sequence, envelope });
    this.#stored = { ...this.#stored, lastSequence: sequence, messages };
  }

  wipe(): void {
    this.#stored = { created: ++this.#creations, lastSequence: 0, messages: new Map() };
  }

  copy(): Stored {
    return this.#stored;
  }

  setBack(copy: Stored): void {
    this.#stored = copy;
  }

  heads(): Record<string, bigint> {
    const heads: Record<string, bigint> = {};
    for (const { envelope } of this.#stored.messages.values()) {
      if (envelope === undefined || envelope.toString() === JUNK) continue;
      const record = openModel(envelope);
      heads[record.key] = record.revision;
    }
    return heads;
  }
}

const JUNK = 'junk';

const sealModel = (key: string, revision: bigint, payload: string): OpaqueRecord => ({
  key,
  revision,
  payload: Buffer.from(payload),
  envelope: Buffer.from(JSON.stringify([key, String(revision), payload])),
});

function openModel(envelope: Uint8Array): OpaqueRecord {
  const [key, revision, payload] = JSON.parse(Buffer.from(envelope).toString());
  return sealModel(key, BigInt(revision), payload);
}

class ModelNode {
  readonly table = new MemoryRecordTable();
  readonly #bucket: ModelBucket;
  #outbox = new Outbox();
  #sync: RegistrySync;

  constructor(bucket: ModelBucket) {
    this.#bucket = bucket;
    this.#sync = this.#connect();
  }

  /** What was known of the bucket goes with the connection. */
  #connect(): RegistrySync {
    return new RegistrySync({
      bucket: this.#bucket,
      names,
      table: this.table,
      openEnvelope: openModel,
      known: new KnownRecords(),
      outbox: this.#outbox,
      logger: silentLogger,
      metrics: noMetrics,
    });
  }

  reconnect(): void {
    this.#sync = this.#connect();
  }

  async accept(record: OpaqueRecord): Promise<void> {
    if ((await this.table.apply(record, 'local')) === 'applied') this.#outbox.add(record);
  }

  hear(message: { subject: string; envelope: Uint8Array }): Promise<void> {
    return this.#sync.apply(message.subject, message.envelope);
  }

  async writeOne(): Promise<void> {
    const record = this.#outbox.take();
    if (record === undefined) return;
    await this.#sync.write(record);
    this.#outbox.written(record);
  }

  reconcile(): Promise<void> {
    return this.#sync.reconcile(false);
  }

  async settle(): Promise<void> {
    await this.reconcile();
    while (this.#outbox.size > 0) await this.writeOne();
  }
}

const KEYS = ['function/default/a', 'function/default/b', 'function/other/c'];
const key = fc.constantFrom(...KEYS);
const node = fc.nat(2);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('accept' as const),
      node,
      key,
      revision: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('write' as const), node }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant('hear' as const), node, pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('reconcile' as const), node }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('reconnect' as const), node }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('purge' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('spoil' as const), key, mark: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('copy' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('wipe' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('setBack' as const) }) },
);

const disaster = fc.constantFrom('none', 'purge', 'spoil', 'wipe', 'setBack');

test('any order, any duplication, any loss: the final state is the same and the newest', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), disaster, async (steps, last) => {
      const bucket = new ModelBucket();
      const nodes = [0, 1, 2].map(() => new ModelNode(bucket));
      const at = (index: number): ModelNode => nodes[index] as ModelNode;
      const best = new Map<string, OpaqueRecord>();
      let copy = bucket.copy();
      for (const [index, s] of steps.entries()) {
        if (s.op === 'accept') {
          // Equal revisions from different nodes differ in their bytes: ties must break alike.
          const record = sealModel(s.key, BigInt(s.revision), `node ${s.node}, step ${index}`);
          await at(s.node).accept(record);
          if (mergeRecord(best.get(s.key), record) === 'applied') best.set(s.key, record);
        } else if (s.op === 'write') await at(s.node).writeOne();
        else if (s.op === 'hear') {
          const message = bucket.published[s.pick % Math.max(1, bucket.published.length)];
          if (message !== undefined) await at(s.node).hear(message);
        } else if (s.op === 'reconcile') await at(s.node).reconcile();
        else if (s.op === 'reconnect') at(s.node).reconnect();
        else if (s.op === 'purge') bucket.purge(s.key);
        else if (s.op === 'spoil') bucket.spoil(s.key, s.mark ? undefined : Buffer.from(JUNK));
        else if (s.op === 'copy') copy = bucket.copy();
        else {
          if (s.op === 'wipe') bucket.wipe();
          else bucket.setBack(copy);
          // Neither happens to a running server: every connection to it ended.
          for (const each of nodes) each.reconnect();
        }
      }
      const settle = async (): Promise<void> => {
        for (let round = 0; round < 2; round++) for (const each of nodes) await each.settle();
      };
      await settle();
      // Now everyone believes to know the bucket, and it changes behind their backs.
      if (last === 'purge') bucket.purge(KEYS[0] as string);
      else if (last === 'spoil') bucket.spoil(KEYS[0] as string, undefined);
      else if (last === 'wipe') bucket.wipe();
      else if (last === 'setBack') bucket.setBack(copy);
      await settle();
      const newest = Object.fromEntries([...best].map(([k, record]) => [k, record]));
      for (const each of nodes) {
        assert.deepEqual(Object.fromEntries(each.table.list('').map((r) => [r.key, r])), newest);
        const seen = new Map<string, OpaqueRecord>();
        for (const record of each.table.applied) {
          assert.equal(mergeRecord(seen.get(record.key), record), 'applied', 'went backwards');
          seen.set(record.key, record);
        }
      }
      const heads = Object.fromEntries([...best].map(([k, { revision }]) => [k, revision]));
      assert.deepEqual(bucket.heads(), heads);
    }),
    { numRuns: Number(process.env.POPMESH_RUNS ?? 300) },
  );
});

test('a quiet reconcile reads nothing', async () => {
  const bucket = new ModelBucket();
  const quiet = new ModelNode(bucket);
  await quiet.accept(sealModel('function/default/a', 1n, 'x'));
  await quiet.settle();
  await quiet.settle();
  bucket.scan = () => assert.fail('scanned');
  await quiet.settle();
  await quiet.accept(sealModel('function/default/a', 2n, 'x'));
  await quiet.settle();
});

test('an older record of the bucket goes to the table as well, which may join it', async () => {
  const bucket = new ModelBucket();
  const [one, other] = [new ModelNode(bucket), new ModelNode(bucket)];
  await one.accept(sealModel('function/d/a', 5n, 'older'));
  await one.settle();
  await other.table.apply(sealModel('function/d/a', 7n, 'newer'), 'local');
  const offered: string[] = [];
  const apply = other.table.apply.bind(other.table);
  other.table.apply = (record, origin) => {
    offered.push(`${record.revision} ${origin}`);
    return apply(record, origin);
  };
  await other.reconcile();
  assert.deepEqual(offered, ['5 jetstream']);
});
