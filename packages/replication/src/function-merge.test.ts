import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Clock,
  compareBytes,
  HybridClock,
  mergeRecord,
  type OpaqueRecord,
  revisionTimeMs,
  silentLogger,
} from '@popmesh/contracts';
import {
  create,
  type FunctionRecord,
  FunctionRecordSchema,
  fromBinary,
  functionKey,
  generateKeyPair,
  issueNodeIdentity,
  sealRecord,
  toBinary,
  VersionRecordSchema,
} from '@popmesh/protocol';
import fc from 'fast-check';
import { dominates, joined } from './function-merge.ts';
import { liveVersions, pruned, rolledBack, tombstone, withVersion } from './function-record.ts';
import { createFunctionResolver } from './function-resolver.ts';
import { NOTICES_KEPT_MAX, VERSIONS_KEPT_MAX } from './limits.ts';
import { acceptedAt, toldNumber, versionName } from './version-order.ts';

/**
 * Several nodes change one function without hearing of each other, and hear of each other late,
 * twice, and in any order. In the end all hold the same record, and in it every version that
 * anybody was told of, unless a deletion or the bound on versions took it.
 */

const root = generateKeyPair();
const id = { namespace: 'acme', name: 'shop' };
const NOTHING = new Uint8Array([1]);
const key = functionKey(id.namespace, id.name);

const recordOf = ({ payload }: OpaqueRecord): FunctionRecord =>
  fromBinary(FunctionRecordSchema, payload);

interface Accepted {
  readonly name: string;
  readonly told: number;
  readonly revision: bigint;
}

/** Two records that cannot be joined are only logged, and then one of them is lost. */
const strictLogger = {
  ...silentLogger,
  error: (message: string, fields?: object) => assert.fail(`${message} ${JSON.stringify(fields)}`),
};

class Time {
  #ms = 1_000_000;

  now(): number {
    return this.#ms;
  }

  pass(ms: number): void {
    this.#ms += ms;
  }
}

class Side {
  readonly name: string;
  held: OpaqueRecord | undefined;
  readonly accepted: Accepted[] = [];
  joins = 0;
  readonly #identity;
  readonly #clock: HybridClock;
  readonly #resolver;
  readonly #keepMax: number;

  constructor(name: string, clock: Time, keepMax = VERSIONS_KEPT_MAX) {
    this.name = name;
    this.#clock = new HybridClock(clock as Pick<Clock, 'now'> as Clock);
    this.#identity = issueNodeIdentity(root.privateKey, name);
    this.#resolver = createFunctionResolver({ identity: this.#identity, logger: strictLogger });
    this.#keepMax = keepMax;
  }

  get record(): FunctionRecord {
    return recordOf(this.held ?? assert.fail(`${this.name} holds nothing`));
  }

  get view() {
    const { record } = this;
    return {
      versions: record.versions.map((version) => [version.number, version.createdBy]),
      live: liveVersions(record).map(({ version }) => version.number),
    };
  }

  deploy(): void {
    const accepted = this.#accept();
    const digest = `${this.name}${accepted.revision}`;
    const version = {
      label: '',
      artifact: { digest },
      config: { env: { B: '1', A: digest } },
      createdBy: this.name,
      createdAtMs: revisionTimeMs(accepted.revision),
    };
    const held = this.held && this.record;
    this.#put(pruned(withVersion(held, id, version, accepted), this.#keepMax), accepted.revision);
    const { versions, lastVersion } = this.record;
    const added = versions.find(({ number }) => number === lastVersion) ?? assert.fail();
    this.accepted.push({
      name: versionName(added),
      told: lastVersion,
      revision: accepted.revision,
    });
  }

  rollback(choice: number): void {
    if (this.held === undefined || this.record.versions.length === 0) return;
    const { versions } = this.record;
    const { number } = versions[choice % versions.length] ?? assert.fail();
    const accepted = this.#accept();
    this.#put(rolledBack(this.record, number, accepted), accepted.revision);
  }

  remove(): void {
    if (this.held === undefined || this.record.deleted) return;
    const accepted = this.#accept();
    this.#put(
      tombstone(this.record, revisionTimeMs(accepted.revision), accepted),
      accepted.revision,
    );
  }

  /** As the record table does it. */
  hear(record: OpaqueRecord): boolean {
    const both = this.held && this.#resolver.resolve(this.held, record);
    if (both !== undefined) {
      assert.ok(this.held !== undefined && both.revision > this.held.revision);
      this.joins++;
      this.held = both;
      return true;
    }
    if (mergeRecord(this.held, record) !== 'applied') return false;
    this.held = record;
    return true;
  }

  #accept() {
    if (this.held !== undefined) this.#clock.observe(this.held.revision);
    return { revision: this.#clock.next(), by: this.name };
  }

  #put(record: FunctionRecord, revision: bigint): void {
    const payload = toBinary(FunctionRecordSchema, record);
    this.held = sealRecord(this.#identity, key, revision, payload);
  }
}

/** Everybody hears of everybody until nothing moves; more rounds than that would be a loop. */
function heal(sides: readonly Side[], roundsMax = 40): void {
  for (let round = 0; round < roundsMax; round++) {
    let moved = false;
    for (const from of sides) {
      for (const to of sides) if (from.held && from !== to && to.hear(from.held)) moved = true;
    }
    if (!moved) return;
  }
  assert.fail('they go on joining');
}

test('two sides that both made version 2 end with both, under two numbers, either may be live', () => {
  const clock = new Time();
  const [a, b] = [new Side('alice', clock), new Side('bob', clock)];
  a.deploy();
  heal([a, b]);
  clock.pass(10);
  a.deploy();
  clock.pass(10);
  b.deploy();
  assert.deepEqual(
    [a.accepted.at(-1)?.told, b.accepted.at(-1)?.told],
    [2, 2],
    'each side told its author 2',
  );
  heal([a, b]);
  assert.deepEqual(a.view, {
    versions: [
      [1, 'alice'],
      [2, 'alice'],
      [3, 'bob'],
    ],
    live: [3],
  });
  assert.equal(compareBytes(a.held?.envelope ?? NOTHING, b.held?.envelope ?? NOTHING), 0);
  const third = a.record.versions[2] ?? assert.fail();
  assert.equal(third.renumberedFrom, 2);
  const [notice, ...more] = a.record.notices;
  assert.deepEqual(more, []);
  assert.equal(notice?.kind, 'conflict');
  assert.deepEqual(notice?.versions, [2, 3]);
  assert.deepEqual(notice?.authors, ['alice', 'bob']);
  assert.match(
    notice?.message ?? '',
    /version 2 of alice and version 3 \(was 2\) of bob, live is 3/,
  );
  b.rollback(1);
  a.hear(b.held ?? assert.fail());
  assert.deepEqual(a.view.live, [2], 'the other one can be rolled back to');
  a.deploy();
  assert.equal(a.accepted.at(-1)?.told, 4);
  assert.equal(a.record.notices.length, 1, 'kept over changes');
});

test('an ancestor that comes late changes nothing', () => {
  const clock = new Time();
  const a = new Side('alice', clock);
  const history: OpaqueRecord[] = [];
  for (let i = 0; i < VERSIONS_KEPT_MAX + 10; i++) {
    clock.pass(5);
    if (i === 12) a.remove();
    else a.deploy();
    history.push(a.held ?? assert.fail());
  }
  const newest = a.held;
  for (const old of history) assert.equal(a.hear(old), false);
  assert.equal(a.held, newest);
  assert.equal(a.joins, 0);
});

test('a deletion takes what was accepted before it, and nothing after', () => {
  const clock = new Time();
  const build = () => {
    const [a, b] = [new Side('alice', clock), new Side('bob', clock)];
    a.deploy();
    heal([a, b]);
    clock.pass(10);
    return [a, b] as const;
  };
  const [a, b] = build();
  b.deploy();
  clock.pass(10);
  a.remove();
  heal([a, b]);
  assert.equal(b.record.deleted, true);
  assert.match(
    b.record.notices[0]?.message ?? '',
    /deleted while .* version 2 of bob, which is gone/,
  );
  assert.deepEqual(b.record.notices[0]?.authors, ['bob']);

  const [c, d] = build();
  c.remove();
  clock.pass(10);
  d.deploy();
  heal([c, d]);
  assert.deepEqual(c.view, { versions: [[2, 'bob']], live: [2] });

  const [e, f] = build();
  e.remove();
  clock.pass(10);
  f.deploy();
  clock.pass(10);
  f.rollback(0);
  heal([e, f]);
  assert.deepEqual(e.view, { versions: [[2, 'bob']], live: [2] }, 'what live named is gone');
});

test('records of before there were names for versions are joined, too', () => {
  const legacy = (numbers: readonly number[], author: string, revision: bigint) => ({
    revision,
    record: create(FunctionRecordSchema, {
      ...id,
      lastVersion: Math.max(...numbers),
      versions: numbers.map((number) =>
        create(VersionRecordSchema, {
          number,
          createdBy: number === 1 ? 'alice' : author,
          createdAtMs: BigInt(number) * 100n,
          artifact: { digest: number === 1 ? 'one' : author },
        }),
      ),
      aliases: [{ name: 'live', targets: [{ version: Math.max(...numbers), weight: 100 }] }],
    }),
  });
  const [one, other] = [legacy([1, 2], 'alice', 5n), legacy([1, 2], 'bob', 6n)];
  const both = joined(one, other);
  assert.deepEqual(
    both.versions.map(({ number, createdBy, renumberedFrom }) => [
      number,
      createdBy,
      renumberedFrom,
    ]),
    [
      [1, 'alice', 0],
      [2, 'alice', 0],
      [3, 'bob', 2],
    ],
  );
  const bytes = (record: FunctionRecord) => toBinary(FunctionRecordSchema, record);
  assert.equal(compareBytes(bytes(both), bytes(joined(other, one))), 0);
});

type Step =
  | { readonly op: 'deploy' | 'remove' | 'say' | 'pass'; readonly at: number; readonly to: number }
  | { readonly op: 'rollback'; readonly at: number; readonly to: number };

const steps = (sides: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      op: fc.oneof(
        { weight: 8, arbitrary: fc.constant('deploy' as const) },
        { weight: 3, arbitrary: fc.constant('rollback' as const) },
        { weight: 1, arbitrary: fc.constant('remove' as const) },
        { weight: 5, arbitrary: fc.constant('say' as const) },
        { weight: 3, arbitrary: fc.constant('pass' as const) },
      ),
      at: fc.nat(sides - 1),
      to: fc.nat(1000),
    }),
    { maxLength: 70 },
  );

const runs = Number(process.env.POPMESH_SEEDS ?? 150);

test('in any order, with any duplication, all come to the same and nothing acknowledged is lost', () => {
  fc.assert(
    fc.property(
      steps(3),
      // Members need not agree on how many versions are kept.
      fc.tuple(...[0, 1, 2].map(() => fc.constantFrom(3, 5, VERSIONS_KEPT_MAX))),
      (list, keeps) => {
        const clock = new Time();
        const sides = keeps.map((keep, i) => new Side(`n${i}`, clock, keep));
        const said: OpaqueRecord[] = [];
        for (const { op, at, to } of list) {
          const side = sides[at] ?? assert.fail();
          if (op === 'deploy') side.deploy();
          else if (op === 'rollback') side.rollback(to);
          else if (op === 'remove') side.remove();
          else if (op === 'pass') clock.pass(to % 3);
          // Anything that anybody ever held, however old.
          else if (said.length > 0) side.hear(said[to % said.length] ?? assert.fail());
          if (side.held !== undefined) said.push(side.held);
        }
        const newest = newestChange(said);
        heal(sides);
        // Nobody is disturbed any more by what was said before.
        const joins = sides.map((side) => side.joins);
        for (const old of said) for (const side of sides) side.hear(old);
        assert.deepEqual(
          sides.map((side) => side.joins),
          joins,
        );
        const holding = sides.filter(({ held }) => held !== undefined);
        for (const { held } of holding) {
          assert.deepEqual(held?.envelope, holding[0]?.held?.envelope);
        }
        if (holding[0] !== undefined) check(holding[0].record, sides, newest);
      },
    ),
    { numRuns: runs },
  );
});

/** Of records that are no joins: what somebody asked for last. */
function newestChange(said: readonly OpaqueRecord[]): FunctionRecord | undefined {
  const changes = said
    .map((opaque) => ({ revision: opaque.revision, record: recordOf(opaque) }))
    .filter(({ revision, record }) => revision === record.changedRevision);
  changes.sort((a, b) =>
    a.revision === b.revision
      ? a.record.changedBy < b.record.changedBy
        ? -1
        : 1
      : a.revision < b.revision
        ? -1
        : 1,
  );
  return changes.at(-1)?.record;
}

function check(record: FunctionRecord, sides: readonly Side[], newest?: FunctionRecord): void {
  const held = new Map(record.versions.map((version) => [versionName(version), version]));
  assert.equal(held.size, record.versions.length);
  const numbers = record.versions.map(({ number }) => number);
  assert.equal(new Set(numbers).size, numbers.length, 'a number names one version');
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => a - b),
  );
  assert.ok(numbers.every((number) => number <= record.lastVersion));
  assert.ok(numbers.length <= VERSIONS_KEPT_MAX + 1);
  assert.ok(record.notices.length <= NOTICES_KEPT_MAX);
  for (const accepted of sides.flatMap((side) => side.accepted)) {
    const version = held.get(accepted.name);
    if (version === undefined) {
      const gone =
        accepted.revision <= record.deletedRevision || accepted.revision <= record.prunedRevision;
      assert.ok(gone, `version ${accepted.told} (${accepted.name}) is lost`);
      continue;
    }
    assert.ok(acceptedAt(version) > record.deletedRevision);
    assert.equal(toldNumber(version), accepted.told);
  }
  assert.equal(record.deleted, record.versions.length === 0);
  if (newest === undefined || newest.deleted || record.deleted) return;
  const [live] = liveVersions(newest);
  const name = live === undefined ? '' : versionName(live.version);
  const now = liveVersions(record).map(({ version }) => versionName(version));
  if (held.has(name)) assert.deepEqual(now, [name], 'live is what the newest change said');
  else assert.equal(now.length, 1);
}

test('whatever two sides are joined: the result dominates both, and joining it again is no change', () => {
  fc.assert(
    fc.property(steps(2), (list) => {
      const clock = new Time();
      const sides = [new Side('a', clock, 4), new Side('b', clock)];
      for (const { op, at, to } of list) {
        const side = sides[at] ?? assert.fail();
        if (op === 'deploy') side.deploy();
        else if (op === 'rollback') side.rollback(to);
        else if (op === 'remove') side.remove();
        else clock.pass(to % 3);
      }
      const [a, b] = sides.map(({ held }) => held);
      if (a === undefined || b === undefined) return;
      const [one, other] = [a, b].map((opaque) => ({
        record: recordOf(opaque),
        revision: opaque.revision,
      })) as [Parameters<typeof joined>[0], Parameters<typeof joined>[0]];
      const both = { record: joined(one, other), revision: 1n << 60n };
      assert.ok(dominates(both, one));
      assert.ok(dominates(both, other));
      const bytes = (record: FunctionRecord) => toBinary(FunctionRecordSchema, record);
      for (const [x, y] of [
        [other, one],
        [both, one],
        [other, both],
      ] as const) {
        assert.deepEqual(joined(x, y), both.record);
        assert.equal(compareBytes(bytes(joined(x, y)), bytes(both.record)), 0);
      }
    }),
    { numRuns: runs },
  );
});
