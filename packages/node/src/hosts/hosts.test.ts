import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  type FunctionId,
  HybridClock,
  noMetrics,
  type OpaqueRecord,
  PopmeshError,
  silentLogger,
} from '@popmesh/contracts';
import { realClock, realRandom } from '@popmesh/daemon';
import { createGossip, memoryPersistence } from '@popmesh/gossip';
import {
  CertificateCache,
  create,
  FUNCTION_PREFIX,
  FunctionRecordSchema,
  functionKey,
  generateKeyPair,
  HOST_PREFIX,
  issueNodeIdentity,
  openRecord,
  sealRecord,
  TOMBSTONE_KEPT_MS,
  toBinary,
} from '@popmesh/protocol';
import { Registry } from '@popmesh/replication';
import { HostControl } from './host-control.ts';
import { HostRecords } from './host-records.ts';
import { hostsConfigSchema } from './host-rules.ts';

/** The real table, registry and records of nodes, without their sockets: a split is made by not telling. */

const root = generateKeyPair();
const rootPublicKey = root.publicKey;
const BANK = 'www.bank.example';
const ADMIN = { who: 'tester', tokenId: 'j', from: 'here' };

async function node(t: TestContext, id: string, { max = 100, hosts = {} } = {}) {
  let passedMs = 0;
  const clock = {
    ...realClock,
    now: () => realClock.now() + passedMs,
    monotonic: () => realClock.monotonic() + passedMs,
  };
  const identity = issueNodeIdentity(root.privateKey, id);
  const gossip = createGossip({
    self: { id, role: 'node', address: '127.0.0.1:1', pop: id },
    seeds: [],
    openEnvelope: (envelope) => openRecord(rootPublicKey, envelope, new CertificateCache()),
    transport: {
      call: async () => {
        throw new PopmeshError('peer_unavailable', 'alone');
      },
      close: async () => {},
    },
    persistence: memoryPersistence(),
    clock,
    random: realRandom,
    logger: silentLogger,
    metrics: noMetrics,
  });
  await gossip.start(new AbortController().signal);
  t.after(() => gossip.stop());
  const { table } = gossip;
  const hybrid = new HybridClock(clock);
  const registry = new Registry({ table, identity, rootPublicKey, clock: hybrid });
  const read = () =>
    new HostRecords({ table, registry, identity, clock: hybrid, logger: silentLogger });
  const records = read();
  t.after(() => records.stop());
  const audit: string[] = [];
  const control = new HostControl({
    config: hostsConfigSchema.parse(hosts),
    records,
    registry,
    audit: { append: async ({ action, what }) => void audit.push(`${action} ${what}`) },
    platform: () => ({ domains: [], hosts: [] }),
    hostsMax: () => max,
    publish: async () => 'disabled',
  });
  const routesOf = (paths: readonly string[]) =>
    paths.map((route) => ({
      host: route.split('/')[0] ?? '',
      path: `/${route.split('/')[1] ?? '*'}`,
    }));

  const deploy = (fn: FunctionId, ...paths: string[]) => {
    const [namespace = '', name = ''] = fn.split('/');
    const routes = routesOf(paths);
    return control.withClaims({ fn, routes, strict: true }, ADMIN, () =>
      registry.deploy({
        namespace,
        name,
        label: '',
        artifact: { digest: 'a'.repeat(64), sizeBytes: 1n, chunks: [], door: 'wasi:http' },
        config: { routes },
        createdBy: 'test',
      }),
    );
  };
  return {
    table,
    registry,
    records,
    control,
    audit,
    deploy,
    read,
    remove: (fn: FunctionId) =>
      control.withReleases(registry.get(fn) ?? assert.fail(), ADMIN, () => registry.remove(fn)),
    release: (host: string, namespace: string, force = false) =>
      control.release(
        { host, namespace: undefined, force, mayChange: (one) => one === namespace },
        ADMIN,
      ),
    owner: (host = BANK) => records.owner(host)?.namespace,
    off: (fn: FunctionId) => control.routesOff(registry.get(fn) ?? assert.fail()),
    hear: async (...from: { table: typeof table }[]) => {
      const all = from.flatMap((one) => [
        ...one.table.list(HOST_PREFIX),
        ...one.table.list(FUNCTION_PREFIX),
      ]);
      for (const record of all) await table.apply(record, 'gossip');
    },
    /** As a node of the version before wrote it: no claim, no accepting revision. */
    old: async (fn: FunctionId, createdAtMs: number[], host: string) => {
      const [namespace = '', name = ''] = fn.split('/');
      const versions = createdAtMs.map((atMs, index) => ({
        number: index + 1,
        createdAtMs: BigInt(atMs),
        config: { routes: [{ host, path: '/*' }] },
      }));
      const payload = toBinary(
        FunctionRecordSchema,
        create(FunctionRecordSchema, {
          namespace,
          name,
          versions,
          lastVersion: versions.length,
          aliases: [{ name: 'live', targets: [{ version: versions.length, weight: 100 }] }],
        }),
      );
      const record: OpaqueRecord = sealRecord(
        identity,
        functionKey(namespace, name),
        BigInt(Math.max(...createdAtMs)) << 16n,
        payload,
      );
      await table.apply(record, 'gossip');
    },
    pass: (ms: number) => {
      passedMs += ms;
    },
    nowMs: () => clock.now(),
  };
}

const hasCode = (code: string) => ({ code });

test('a claim keeps its time over any number of deploys, and nobody else gets the host', async (t) => {
  const one = await node(t, 'one');
  await one.deploy('bank/web', BANK);
  const claimed = one.records.owner(BANK);
  for (let i = 0; i < 25; i++) {
    one.pass(1000);
    await one.deploy('bank/web', BANK, `${BANK}/${i}`);
  }
  assert.deepEqual(one.records.owner(BANK), claimed);
  assert.ok(
    (claimed?.claimedAtMs ?? 0) < Number(one.registry.get('bank/web')?.versions[0]?.createdAtMs),
  );
  const before = one.table.list('');
  for (const route of [BANK, `${BANK}/`, `${BANK}/login*`]) {
    await assert.rejects(one.deploy('mallory/f', route), (error: PopmeshError) => {
      assert.equal(error.code, 'host_taken');
      assert.match(error.message, /www\.bank\.example/);
      assert.doesNotMatch(JSON.stringify(error), /"bank"|bank\/web/);
      return true;
    });
  }
  assert.throws(() => one.control.check('mallory', [{ host: BANK }]), hasCode('host_taken'));
  assert.deepEqual(one.table.list(''), before, 'nothing was stored');
  assert.deepEqual(one.audit, [`claim ${BANK} bank`]);
  assert.deepEqual(one.read().owner(BANK), claimed, 'after a restart, too');
});

test('a host is released on purpose, or with the last function that names it', async (t) => {
  const one = await node(t, 'one');
  await one.deploy('bank/web', BANK);
  await one.deploy('bank/web', 'other.example');
  await one.deploy('bank/api', BANK);
  await assert.rejects(one.release(BANK, 'mallory', true), hasCode('permission_denied'));
  await assert.rejects(one.release('free.example', 'bank'), hasCode('not_found'));
  await assert.rejects(one.release(BANK, 'bank'), /still a route of bank\/api/);
  assert.deepEqual((await one.remove('bank/api')).released, [], 'an older version of web names it');
  assert.equal(one.owner(), 'bank');
  const [summary] = one.control.list(() => true).filter(({ host }) => host === BANK);
  assert.deepEqual(summary?.olderVersionsOf, ['bank/web']);
  await one.release(BANK, 'bank');
  assert.equal(one.owner(), undefined);
  await one.deploy('mallory/f', BANK);
  await assert.rejects(one.deploy('bank/web', BANK), hasCode('host_taken'));

  assert.deepEqual((await one.remove('mallory/f')).released, [BANK]);
  await one.deploy('bank/web', BANK);
  assert.equal(one.owner(), 'bank');
  await one.release(BANK, 'bank', true);
  assert.deepEqual(one.off('bank/web'), [{ host: BANK, path: '/*', reason: 'unclaimed' }]);
  assert.deepEqual(one.audit.slice(-2), [`claim ${BANK} bank`, `release ${BANK} bank`]);
});

test('a roll-back claims again what is free, and switches off what is not', async (t) => {
  const one = await node(t, 'one');
  const back = (version: number) =>
    one.control.withClaims(
      {
        fn: 'bank/web',
        routes:
          one.registry.get('bank/web')?.versions.find(({ number }) => number === version)?.config
            ?.routes ?? [],
        strict: false,
      },
      ADMIN,
      () => one.registry.rollback('bank/web', version),
    );
  await one.deploy('bank/web', BANK, 'second.example');
  await one.deploy('bank/web');
  await one.release(BANK, 'bank');
  await one.release('second.example', 'bank');
  await one.deploy('mallory/f', BANK);
  await back(1);
  assert.equal(one.owner('second.example'), 'bank');
  assert.equal(one.owner(), 'mallory');
  assert.deepEqual(one.off('bank/web'), [{ host: BANK, path: '/*', reason: 'taken' }]);
});

test('a roll-back does not get past the number of hosts', async (t) => {
  const one = await node(t, 'one', { max: 2 });
  await one.deploy('a/f', 'h1.example', 'h2.example');
  await one.deploy('a/f');
  await one.release('h1.example', 'a');
  await one.release('h2.example', 'a');
  await one.deploy('a/g', 'h3.example');
  const routes = one.registry.get('a/f')?.versions[0]?.config?.routes ?? [];
  await one.control.withClaims({ fn: 'a/f', routes, strict: false }, ADMIN, () =>
    one.registry.rollback('a/f', 1),
  );
  assert.deepEqual(
    one.records
      .claimsBy('a')
      .map(({ host }) => host)
      .sort(),
    ['h1.example', 'h3.example'],
  );
  assert.equal(one.off('a/f').length, 1);
});

test('two claims in a split mesh: the older has the host everywhere, the other function says so', async (t) => {
  const here = await node(t, 'here');
  const there = await node(t, 'there');
  await here.deploy('bank/web', BANK, `${BANK}/api`);
  there.pass(5);
  await there.deploy('mallory/f', `${BANK}/login`, 'mallory.example');
  await there.deploy('mallory/f', `${BANK}/login`, 'mallory.example');
  assert.equal(there.owner(), 'mallory', 'it cannot know');
  await there.hear(here, here);
  await here.hear(there);
  for (const one of [here, there]) {
    assert.equal(one.owner(), 'bank');
    assert.deepEqual(one.off('bank/web'), []);
    assert.deepEqual(one.off('mallory/f'), [{ host: BANK, path: '/login', reason: 'taken' }]);
    assert.deepEqual(
      one.control
        .list((namespace) => namespace === 'mallory')
        .map(({ host, state }) => [host, state]),
      [
        ['mallory.example', 'owned'],
        [BANK, 'taken'],
      ],
    );
    await assert.rejects(one.deploy('mallory/f', `${BANK}/login`), hasCode('host_taken'));
  }
  await here.release(BANK, 'bank', true);
  await there.hear(here);
  for (const one of [here, there]) assert.equal(one.owner(), 'mallory', 'the next claim');
});

test('a mesh from before claims keeps its hosts; nobody can take them by being older on paper', async (t) => {
  const one = await node(t, 'one');
  const now = one.nowMs();
  await one.old('bank/web', [now - 9000, now - 8000], BANK);
  await one.old('mallory/f', [now - 5000], BANK);
  await one.old('mallory/g', [now - 5000], '127.0.0.1');
  assert.equal(one.owner(), 'bank');
  assert.equal(one.owner('127.0.0.1'), undefined);
  assert.deepEqual(one.off('mallory/f'), [{ host: BANK, path: '/*', reason: 'taken' }]);
  assert.deepEqual(one.off('mallory/g'), [
    { host: '127.0.0.1', path: '/*', reason: 'not_routable' },
  ]);
  await assert.rejects(one.deploy('mallory/f', `${BANK}/x`), hasCode('host_taken'));
  // Its next deploy makes the claim, with the time of the oldest version, also when it names another host.
  await one.deploy('bank/web', 'new.example');
  for (let i = 0; i < 25; i++) await one.deploy('bank/web', 'new.example');
  assert.deepEqual(one.records.owner(BANK), { namespace: 'bank', claimedAtMs: now - 9000 });

  await one.release(BANK, 'bank');
  assert.equal(one.owner(), 'mallory', 'the next who asked');
  await one.release(BANK, 'mallory', true);
  await one.deploy('carol/f', BANK);
  one.pass(TOMBSTONE_KEPT_MS + 60_000);
  await one.records.forgetReleased(one.nowMs() - TOMBSTONE_KEPT_MS);
  assert.equal(one.table.get(`${HOST_PREFIX}${BANK}/bank`), undefined);
  assert.ok(
    one.table.get(`${HOST_PREFIX}${BANK}/mallory`),
    'kept while an old version stands there',
  );
  assert.equal(one.owner(), 'carol');
  assert.equal(one.read().owner(BANK)?.namespace, 'carol');
});

test('releases are forgotten after seven days, and count until then', async (t) => {
  const one = await node(t, 'one', { max: 2 });
  await one.deploy('a/f', 'h1.example', 'h2.example');
  await assert.rejects(one.deploy('a/f', 'h3.example'), (error: PopmeshError) => {
    assert.equal(error.code, 'quota_exceeded');
    assert.deepEqual(error.details, { limit: 'hosts', max: 2, asked: 3 });
    return true;
  });
  await one.deploy('a/f', 'h1.example');
  await one.remove('a/f');
  await one.deploy('a/g', 'h3.example');
  await one.remove('a/g');
  await one.deploy('a/h', 'h4.example');
  await assert.rejects(one.deploy('a/h', 'h5.example'), hasCode('quota_exceeded'));
  one.pass(TOMBSTONE_KEPT_MS + 1000);
  await one.records.forgetReleased(one.nowMs() - TOMBSTONE_KEPT_MS);
  await one.deploy('a/h', 'h5.example');
  assert.deepEqual(
    one.table.list(HOST_PREFIX).map(({ key }) => key),
    ['host/h4.example/a', 'host/h5.example/a'],
  );
  assert.deepEqual(one.records.hosts(), ['h4.example', 'h5.example']);
});

test('namespaces that ask one node at once: one gets the host', async (t) => {
  const one = await node(t, 'one');
  const results = await Promise.allSettled(
    ['a', 'b', 'c', 'd'].map((namespace) => one.deploy(`${namespace}/f`, BANK)),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal(one.table.list(HOST_PREFIX).length, 1);
  assert.equal(one.table.list(FUNCTION_PREFIX).length, 1);
});

test('rules of the operator hold for new claims', async (t) => {
  const one = await node(t, 'one', {
    hosts: {
      reserved: ['gw.example'],
      allow: [{ pattern: '*.alice.example', namespaces: ['alice'] }],
    },
  });
  await one.deploy('alice/f', 'www.alice.example');
  await assert.rejects(one.deploy('bob/f', 'x.alice.example'), hasCode('permission_denied'));
  await assert.rejects(one.deploy('bob/f', 'bob.example'), hasCode('permission_denied'));
  await assert.rejects(one.deploy('alice/f', 'gw.example'), hasCode('invalid_argument'));
});
