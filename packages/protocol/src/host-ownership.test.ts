import assert from 'node:assert/strict';
import { test } from 'node:test';
import { functionId, HybridClock, mergeRecord, type OpaqueRecord } from '@popmesh/contracts';
import fc from 'fast-check';
import {
  create,
  type FunctionRecord,
  FunctionRecordSchema,
  fromBinary,
  type HostClaim,
  HostClaimSchema,
  HostOwners,
  hostKey,
  hostsBeforeClaims,
  isClaimOf,
  ownerOf,
  toBinary,
} from './index.ts';

const HOSTS = ['www.bank.example', 'shop.example'] as const;
const NAMESPACES = ['alice', 'bob', 'carol'] as const;

/** A member of a split mesh: records by key, merged as gossip does, and the owners that it sees. */
class Member {
  readonly owners = new HostOwners();
  readonly records = new Map<string, OpaqueRecord>();
  nowMs: number;
  readonly #clock = new HybridClock({ now: () => this.nowMs });

  constructor(skewMs: number) {
    this.nowMs = 1_700_000_000_000 + skewMs;
  }

  hear(record: OpaqueRecord): void {
    if (mergeRecord(this.records.get(record.key), record) !== 'applied') return;
    this.records.set(record.key, record);
    this.owners.setClaim(fromBinary(HostClaimSchema, record.payload));
  }

  /** What a node does: it refuses what it sees as another's, and keeps the time of a claim it has. */
  claim(host: string, namespace: string): OpaqueRecord | undefined {
    const owner = this.owners.owner(host);
    if (owner !== undefined) return undefined;
    return this.#write({ host, namespace, claimedAtMs: BigInt(this.nowMs), released: false });
  }

  release(host: string, namespace: string): OpaqueRecord | undefined {
    const held = this.owners.claimsOf(host).find((claim) => claim.namespace === namespace);
    if (held === undefined) return undefined;
    const claimedAtMs = BigInt(held.claimedAtMs);
    return this.#write({ host, namespace, claimedAtMs, released: true });
  }

  #write(claim: Pick<HostClaim, 'host' | 'namespace' | 'claimedAtMs' | 'released'>): OpaqueRecord {
    const key = hostKey(claim.host, claim.namespace);
    this.#clock.observe(this.records.get(key)?.revision ?? 0n);
    const payload = toBinary(HostClaimSchema, create(HostClaimSchema, claim));
    const record = { key, revision: this.#clock.next(), payload, envelope: payload };
    this.hear(record);
    return record;
  }
}

const step = fc.record({
  member: fc.nat(2),
  host: fc.constantFrom(...HOSTS),
  namespace: fc.constantFrom(...NAMESPACES),
  op: fc.constantFrom('claim' as const, 'claim' as const, 'release' as const, 'hear' as const),
  pick: fc.nat(),
  waitMs: fc.nat(3),
});

test('any order of claims, releases and duplicates: one owner, the same on all, the oldest', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 3, maxLength: 3 }),
      fc.infiniteStream(fc.nat()),
      (steps, skews, random) => {
        const members = skews.map((skewMs) => new Member(skewMs));
        const written: OpaqueRecord[] = [];
        for (const { member, host, namespace, op, pick, waitMs } of steps) {
          const at = members[member] as Member;
          for (const one of members) one.nowMs += waitMs;
          const record =
            op === 'hear' ? written[pick % Math.max(1, written.length)] : at[op](host, namespace);
          if (record === undefined) continue;
          if (op === 'hear') at.hear(record);
          else written.push(record);
        }
        for (const member of members) {
          const left = [...written, ...written];
          while (left.length > 0) {
            const [record] = left.splice((random.next().value as number) % left.length, 1);
            member.hear(record as OpaqueRecord);
          }
        }
        for (const host of HOSTS) {
          const seen = members.map((member) => member.owners.owner(host));
          const open = [...(members[0] as Member).records.values()]
            .map((record) => fromBinary(HostClaimSchema, record.payload))
            .filter((claim) => claim.host === host && !claim.released)
            .sort(
              (a, b) =>
                Number(a.claimedAtMs - b.claimedAtMs) || (a.namespace < b.namespace ? -1 : 1),
            );
          for (const owner of seen) {
            assert.equal(owner?.namespace, open[0]?.namespace);
            assert.equal(owner?.claimedAtMs, open[0] && Number(open[0].claimedAtMs));
          }
        }
      },
    ),
  );
});

test('a claim that lost owns the host once the older one is released', () => {
  const owners = new HostOwners();
  const host = HOSTS[0];
  const set = (namespace: string, atMs: number, released = false) =>
    owners.setClaim(
      create(HostClaimSchema, { host, namespace, claimedAtMs: BigInt(atMs), released }),
    );
  set('bob', 20);
  set('alice', 10);
  assert.equal(owners.owner(host)?.namespace, 'alice');
  set('alice', 10, true);
  assert.equal(owners.owner(host)?.namespace, 'bob');
  set('alice', 30);
  assert.equal(owners.owner(host)?.namespace, 'bob');
  set('alice', 20);
  assert.equal(owners.owner(host)?.namespace, 'alice', 'a tie goes to the smaller namespace');
  assert.equal(ownerOf([]), undefined);
});

const before = (namespace: string, versions: [host: string, atMs: number, accepted?: bigint][]) =>
  create(FunctionRecordSchema, {
    namespace,
    name: 'f',
    versions: versions.map(([host, atMs, acceptedRevision = 0n], index) => ({
      number: index + 1,
      createdAtMs: BigInt(atMs),
      acceptedRevision,
      config: { routes: [{ host, path: '/*' }] },
    })),
  });

test('records from before claims keep their hosts, and later ones gain nothing by standing there', () => {
  const owners = new HostOwners();
  const host = HOSTS[0];
  const stand = (record: FunctionRecord) =>
    owners.setFunction(functionId(record.namespace, record.name), record);
  stand(before('mallory', [[host, 30]]));
  stand(
    before('bank', [
      [host, 20],
      [host, 10],
    ]),
  );
  stand(before('eve', [[host, 1, 5n]]));
  stand(before('zoe', [['127.0.0.1', 1]]));
  assert.deepEqual(owners.owner(host), { namespace: 'bank', claimedAtMs: 10 });
  assert.deepEqual(owners.claimsBy('mallory'), [{ host, claimedAtMs: 30 }]);
  assert.deepEqual([...owners.standingOf('bank/f')], [host]);
  assert.equal(owners.owner('127.0.0.1'), undefined);

  // The claim that the next deploy makes carries the same time; what is released stays so.
  const claim = { host, namespace: 'bank', claimedAtMs: 10n };
  owners.setClaim(create(HostClaimSchema, claim));
  stand(before('bank', [['other.example', 40]]));
  assert.equal(owners.owner(host)?.namespace, 'bank');
  stand(before('bank', [[host, 10]]));
  owners.setClaim(create(HostClaimSchema, { ...claim, released: true }));
  assert.equal(owners.owner(host)?.namespace, 'mallory');
  assert.equal(owners.isStanding(host, 'bank'), true);
  stand(create(FunctionRecordSchema, { namespace: 'mallory', name: 'f', deleted: true }));
  assert.equal(owners.owner(host), undefined);
});

test('what is gone leaves no memory behind', () => {
  const owners = new HostOwners();
  for (let i = 0; i < 100; i++) {
    const host = `h${i}.example`;
    owners.setFunction('a/f', before('a', [[host, i]]));
    owners.setClaim(create(HostClaimSchema, { host, namespace: 'a', released: true }));
    owners.setFunction('a/f', create(FunctionRecordSchema, { deleted: true }));
    assert.equal(owners.releasesBy('a'), 1);
    owners.dropClaim(host, 'a');
    assert.deepEqual([owners.releasesBy('a'), owners.claimsBy('a')], [0, []]);
  }
  assert.deepEqual([...owners.hosts()], []);
});

test('a claim names what its key says, and a host name', () => {
  const claim = (host: string, namespace: string) => create(HostClaimSchema, { host, namespace });
  assert.equal(isClaimOf(claim('a.b', 'n'), 'host/a.b/n'), true);
  assert.equal(isClaimOf(claim('a.b', 'm'), 'host/a.b/n'), false);
  assert.equal(isClaimOf(claim('127.0.0.1', 'n'), 'host/127.0.0.1/n'), false);
  assert.equal(isClaimOf(claim('a.b', ''), 'host/a.b/'), false);
  assert.deepEqual([...hostsBeforeClaims(create(FunctionRecordSchema, { deleted: true }))], []);
});
