import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  mergeRecord,
  type OpaqueRecord,
  type RecordResolver,
  silentLogger,
} from '@popmesh/contracts';
import { VirtualClock } from '@popmesh/simulation';
import fc from 'fast-check';
import { compareHeads, headsOf } from './anti-entropy.ts';
import { BUCKETS } from './bucket-digests.ts';
import { memoryPersistence } from './memory-persistence.ts';
import { GossipRecordTable } from './record-table.ts';

const make = (key: string, revision: bigint, text: string): OpaqueRecord => {
  const payload = new TextEncoder().encode(text);
  const envelope = new TextEncoder().encode(JSON.stringify([key, String(revision), text]));
  return { key, revision, payload, envelope };
};

const openEnvelope = (envelope: Uint8Array): OpaqueRecord => {
  const [key, revision, text] = JSON.parse(Buffer.from(envelope).toString('utf8'));
  return make(key, BigInt(revision), text);
};

async function newTable(
  append: (record: OpaqueRecord) => Promise<void> = async () => {},
  recordsMax = 1000,
  resolver?: RecordResolver,
) {
  const clock = new VirtualClock();
  const persistence = memoryPersistence();
  await persistence.open();
  const table = new GossipRecordTable({
    persistence: {
      append: async (record) => {
        await append(record as OpaqueRecord);
        await persistence.append(record);
      },
      remove: (key, revision) => persistence.remove(key, revision),
    },
    openEnvelope,
    time: clock,
    logger: silentLogger,
    revisionAheadMaxMs: 300_000,
    recordsMax,
    resolver,
  });
  return { table, clock, persistence };
}

const records = fc.array(
  fc
    .record({
      key: fc.constantFrom('function/d/a', 'function/d/b', 'node/a', 'node/b', 'other'),
      revision: fc.bigInt(0n, 6n),
      text: fc.constantFrom('x', 'y', 'z'),
    })
    .map(({ key, revision, text }) => make(key, revision, text)),
  { maxLength: 20 },
);

test('any order and any duplication of the same records gives the same table', async () => {
  await fc.assert(
    fc.asyncProperty(
      records.chain((list) =>
        fc.tuple(
          fc.constant(list),
          fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 }),
        ),
      ),
      async ([list, shuffledList]) => {
        const one = await newTable();
        const other = await newTable();
        for (const record of list) await one.table.apply(record, 'local');
        // All at once: the writes overlap.
        await Promise.all(shuffledList.map((record) => other.table.apply(record, 'gossip')));
        assert.deepEqual(one.table.list(''), other.table.list(''));
        for (let bucket = 0; bucket < BUCKETS; bucket++) {
          assert.equal(one.table.digests.hash(bucket), other.table.digests.hash(bucket));
        }
      },
    ),
  );
});

test('listeners see revisions that only grow, and only what is durable', async () => {
  await fc.assert(
    fc.asyncProperty(records, async (list) => {
      const durable = new Set<string>();
      let turn = 0;
      const { table } = await newTable(async (record) => {
        // Writes end in an order of their own.
        for (let i = 0; i < (turn++ * 7) % 5; i++) await Promise.resolve();
        durable.add(`${record.key}@${record.revision}`);
      });
      const seen = new Map<string, bigint>();
      table.onApplied(({ key, revision }) => {
        assert.ok(revision >= (seen.get(key) ?? -1n));
        seen.set(key, revision);
        if (key.startsWith('function/')) assert.ok(durable.has(`${key}@${revision}`));
      });
      await Promise.all(list.map((record) => table.apply(record, 'gossip')));
    }),
  );
});

test('what only ties or loses waits for the winner to be durable', async () => {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { table } = await newTable(() => gate);
  const settled: string[] = [];
  const winner = table.apply(make('function/d/a', 5n, 'x'), 'local').then((it) => settled.push(it));
  const same = table.apply(make('function/d/a', 5n, 'x'), 'gossip').then((it) => settled.push(it));
  const stale = table.apply(make('function/d/a', 4n, 'x'), 'gossip').then((it) => settled.push(it));
  await new VirtualClock().settle();
  assert.deepEqual(settled, []);
  assert.equal(table.get('function/d/a'), undefined);
  release();
  await Promise.all([winner, same, stale]);
  assert.deepEqual(settled.sort(), ['applied', 'equal', 'stale']);
});

test('a failed write leaves nothing behind, and the next try works', async () => {
  let failing = true;
  const { table } = await newTable(async () => {
    if (failing) throw new Error('disk full');
  });
  await assert.rejects(table.apply(make('function/d/a', 1n, 'x'), 'local'), /disk full/);
  assert.equal(table.get('function/d/a'), undefined);
  failing = false;
  assert.equal(await table.apply(make('function/d/a', 1n, 'x'), 'local'), 'applied');
});

test('refuses the far future and a full table', async () => {
  const { table, clock } = await newTable(undefined, 2);
  const at = (aheadMs: number) => BigInt(clock.now() + aheadMs) << 16n;
  assert.equal(await table.apply(make('node/a', at(299_000), 'x'), 'gossip'), 'applied');
  await assert.rejects(table.apply(make('node/b', at(301_000), 'x'), 'gossip'), {
    code: 'peer_misbehaved',
  });
  await table.apply(make('node/c', 1n, 'x'), 'gossip');
  await assert.rejects(table.apply(make('node/d', 1n, 'x'), 'gossip'), { code: 'overloaded' });
  assert.equal(await table.apply(make('node/c', 2n, 'x'), 'gossip'), 'applied');
});

test('what was forgotten stays away up to its revision', async () => {
  const { table, persistence } = await newTable();
  await table.apply(make('function/d/a', 5n, 'x'), 'local');
  await table.forget('function/d/a', 5n);
  assert.equal(table.get('function/d/a'), undefined);
  assert.equal(await table.apply(make('function/d/a', 5n, 'x'), 'gossip'), 'stale');
  assert.deepEqual((await persistence.open()).records, []);
  assert.equal(await table.apply(make('function/d/a', 6n, 'x'), 'gossip'), 'applied');
  await table.forget('function/d/a', 5n);
  assert.equal(table.get('function/d/a')?.revision, 6n, 'a newer one is not touched');
});

test('a stored record that cannot be opened is skipped and named', async () => {
  const { table } = await newTable();
  const good = make('function/d/a', 1n, 'x');
  const unreadable = table.load([
    good,
    { key: 'function/d/b', revision: 1n, envelope: new Uint8Array([1, 2, 3]) },
    { ...good, key: 'function/d/c' },
  ]);
  assert.deepEqual(unreadable, ['function/d/b', 'function/d/c']);
  assert.deepEqual(
    table.list('').map((record) => record.key),
    ['function/d/a'],
  );
});

test('list is ordered, complete and exact in its prefix', async () => {
  const { table } = await newTable();
  const keys = ['node/b', 'function/d/b', 'function/d/a', 'functions', 'node/a', 'function/'];
  for (const key of keys) await table.apply(make(key, 1n, 'x'), 'local');
  const list = (prefix: string) => table.list(prefix).map((record) => record.key);
  assert.deepEqual(list('function/'), ['function/', 'function/d/a', 'function/d/b']);
  assert.deepEqual(list(''), [...keys].sort());
  assert.deepEqual(list('zzz'), []);
});

test('digests, heads and differences make any two tables equal', async () => {
  await fc.assert(
    fc.asyncProperty(records, records, async (mine, theirs) => {
      const [a, b] = [(await newTable()).table, (await newTable()).table];
      await Promise.all(mine.map((record) => a.apply(record, 'local')));
      await Promise.all(theirs.map((record) => b.apply(record, 'local')));
      const digests = Array.from({ length: BUCKETS }, (_, bucket) => ({
        bucket,
        hash: a.digests.hash(bucket),
      }));
      const { buckets, heads } = headsOf(a, b.digests.differing(digests));
      const { records: lacked, wanted } = compareHeads(b, buckets, heads);
      const given = wanted.map((key) => a.get(key) as OpaqueRecord);
      for (const record of lacked) await a.apply(record, 'gossip');
      for (const record of given) await b.apply(record, 'gossip');
      // A tie in a bucket that differs otherwise as well shows in the second round.
      const again = b.digests.differing(
        Array.from({ length: BUCKETS }, (_, bucket) => ({ bucket, hash: a.digests.hash(bucket) })),
      );
      const second = headsOf(a, again);
      const rest = compareHeads(b, second.buckets, second.heads);
      const restGiven = rest.wanted.map((key) => a.get(key) as OpaqueRecord);
      for (const record of rest.records) await a.apply(record, 'gossip');
      for (const record of restGiven) await b.apply(record, 'gossip');
      assert.deepEqual(a.list(''), b.list(''));
    }),
  );
});

/** Texts are sets of letters, and a join is both: what function records are, in small. */
const letters: RecordResolver = {
  owns: (key) => key.startsWith('function/'),
  resolve(held, incoming) {
    const outcome = mergeRecord(held, incoming);
    const [winner, loser] = outcome === 'applied' ? [incoming, held] : [held, incoming];
    const has = setOf(winner);
    if (outcome === 'equal' || [...setOf(loser)].every((letter) => has.has(letter)))
      return undefined;
    const both = [...new Set([...has, ...setOf(loser)])].sort().join('');
    return make(held.key, winner.revision + 1n, both);
  },
};
const setOf = ({ payload }: OpaqueRecord): Set<string> =>
  new Set(Buffer.from(payload).toString('utf8'));

test('with a resolver nothing that was ever applied is lost, in any order, on any disk', async () => {
  const sets = fc.array(
    fc
      .record({
        revision: fc.bigInt(0n, 4n),
        text: fc.subarray(['a', 'b', 'c', 'd', 'e'], { minLength: 1 }),
      })
      .map(({ revision, text }) => make('function/d/a', revision, text.join(''))),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(sets, sets, async (mine, theirs) => {
      const durable = new Set<string>();
      let turn = 0;
      const slow = async ({ envelope }: OpaqueRecord) => {
        for (let i = 0; i < (turn++ * 7) % 5; i++) await Promise.resolve();
        durable.add(Buffer.from(envelope).toString('utf8'));
      };
      const [a, b] = [
        (await newTable(slow, 1000, letters)).table,
        (await newTable(slow, 1000, letters)).table,
      ];
      const shown: bigint[] = [];
      a.onApplied((record) => {
        shown.push(record.revision);
        assert.ok(durable.has(Buffer.from(record.envelope).toString('utf8')));
      });
      await Promise.all(mine.map((record) => a.apply(record, 'gossip')));
      await Promise.all(theirs.map((record) => b.apply(record, 'jetstream')));
      for (let round = 0; round < 4; round++) {
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const) {
          const record = from.get('function/d/a') ?? assert.fail();
          const known = to.isKnown(record.key, record.revision, record.envelope);
          if (!known) await to.apply(record, 'gossip');
        }
      }
      const all = new Set([...mine, ...theirs].flatMap((record) => [...setOf(record)]));
      assert.deepEqual(setOf(a.get('function/d/a') ?? assert.fail()), all);
      assert.deepEqual(a.list(''), b.list(''));
      assert.deepEqual(
        shown,
        [...shown].sort((x, y) => (x < y ? -1 : 1)),
      );
    }),
  );
});

test('an own change does not cover what came in between: it is made again on that', async () => {
  const gates: (() => void)[] = [];
  const slow = () => new Promise<void>((resolve) => gates.push(resolve));
  const { table } = await newTable(slow, 1000, letters);
  const theirs = table.apply(make('function/d/a', 5n, 'a'), 'gossip');
  const own = table.apply(make('function/d/a', 6n, 'b'), 'local');
  await new VirtualClock().settle();
  assert.equal(gates.length, 1);
  gates[0]?.();
  assert.equal(await theirs, 'applied');
  assert.equal(await own, 'stale');
  const again = table.apply(make('function/d/a', 7n, 'ab'), 'local');
  gates[1]?.();
  assert.equal(await again, 'applied');
  const older = table.apply(make('function/d/a', 3n, 'c'), 'gossip');
  await new VirtualClock().settle();
  gates[2]?.();
  assert.equal(await older, 'applied');
  assert.equal(Buffer.from(table.get('function/d/a')?.payload ?? []).toString(), 'abc');
  assert.equal(table.get('function/d/a')?.revision, 8n, 'above both, so that everybody takes it');
});
