import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AUDIT_FILE } from '../audit-log.ts';
import { exampleComponent, TestMesh, until } from '../testing/mesh.test-support.ts';
import type { QuotaSummary } from './quota-schemas.ts';

interface Refusal {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details: { readonly limit: string; readonly used: number; readonly allowed: number };
  };
}

/** The same component, with so many bytes that no other one has. */
function withBallast(component: Uint8Array, sizeBytes: number): Uint8Array {
  const body = Buffer.concat([Buffer.from([1, 0x78]), randomBytes(sizeBytes)]);
  const length = [0, 7, 14].map(
    (shift) => ((body.length >> shift) & 0x7f) | (shift < 14 ? 0x80 : 0),
  );
  return Buffer.concat([component, Buffer.from([0, ...length]), body]);
}

test('a namespace has what the operator gives it, on every node, and no more', async (t) => {
  const mesh = await TestMesh.create(t);
  const component = await exampleComponent();
  const quota = { functions: 1, versionsKept: 2, storedMb: 4, hosts: 1 };
  const one = await mesh.start('one', { quota });
  const two = await mesh.start('two', { quota, seeds: [one.meshAddress] });
  const tenant = await mesh.issueToken({ namespaces: ['shop'] });
  const upload = async (fn: string, routes: { host: string }[] = []) => {
    const manifest = { config: { routes } };
    const response = await one.upload(fn, component, { manifest, token: tenant });
    return { status: response.status, body: (await response.json()) as Refusal };
  };
  const put = (change: object, token = mesh.token) =>
    one.call('/v1/quotas/shop', { method: 'PUT', body: JSON.stringify(change) }, token);
  const described = () => one.json<QuotaSummary>('/v1/quotas/shop');

  // Its versions go beyond what is kept, and nothing is refused for that.
  for (let i = 0; i < 4; i++) assert.equal((await upload('shop/a')).status, 201);
  const { versions } = await one.json<{ versions: { version: number }[] }>(
    '/v1/functions/shop/a/versions',
  );
  assert.deepEqual(
    versions.map(({ version }) => version),
    [4, 3],
  );

  const second = await upload('shop/b');
  assert.equal(second.status, 403);
  assert.equal(second.body.error.code, 'quota_exceeded');
  assert.deepEqual(second.body.error.details, { limit: 'functions', used: 1, allowed: 1 });
  const hosts = await upload('shop/a', [{ host: 'a.example' }, { host: 'b.example' }]);
  assert.equal(hosts.body.error.details.limit, 'hosts');

  // Nobody but an operator may change it.
  const reader = await mesh.issueToken({ namespaces: ['*'], scopes: ['read', 'deploy'] });
  for (const token of [tenant, reader]) {
    assert.equal((await put({ functions: 5 }, token)).status, 403);
  }
  assert.equal((await put({ functions: 0 })).status, 400);
  assert.equal((await put({ functions: 2, storedMb: 1 })).status, 200);
  assert.equal((await upload('shop/b')).status, 201, 'the same bytes again count once');
  const { allowed, used, isDefault, setBy } = await described();
  assert.deepEqual(allowed, { functions: 2, versionsKept: 2, storedMb: 1, hosts: 1 });
  assert.deepEqual([used.functions, used.versionsKept, isDefault, setBy], [2, 2, false, 'tester']);
  assert.ok(used.storedMb > 0 && used.storedMb < 1);

  const large = await one.upload('shop/b', withBallast(component, 1_200_000), { token: tenant });
  const { error } = (await large.json()) as Refusal;
  assert.deepEqual([error.code, error.details.limit], ['quota_exceeded', 'stored_mb']);
  assert.match(error.message, /: it has [\d.]+, \d+ is allowed$/);

  // The other node has it, too, and a tenant sees its own alone.
  await until(async () => {
    assert.equal((await two.json<QuotaSummary>('/v1/quotas/shop')).allowed.functions, 2);
    return true;
  });
  await one.deploy('bank/a', component);
  const seen = await one.call('/v1/quotas', {}, tenant);
  const { quotas } = (await seen.json()) as { quotas: QuotaSummary[] };
  assert.deepEqual(
    quotas.map(({ namespace }) => namespace),
    ['shop'],
  );
  assert.equal((await one.call('/v1/quotas/bank', {}, tenant)).status, 403);

  // Names that were deleted count for themselves: each leaves a tombstone for days.
  assert.equal((await one.call('/v1/functions/bank/a', { method: 'DELETE' })).status, 200);
  const fresh = (await (await one.upload('bank/b', component)).json()) as Refusal;
  const { limit, used: remembered } = fresh.error.details;
  assert.deepEqual(
    [fresh.error.code, limit, remembered],
    ['quota_exceeded', 'functions_deleted', 1],
  );
  await one.deploy('bank/a', component);

  // Left out is the operator's default again.
  assert.equal((await put({})).status, 200);
  assert.deepEqual((await described()).isDefault, true);
  const audit = await readFile(join(mesh.folder, 'one', 'audit', AUDIT_FILE), 'utf8').catch(() =>
    readFile(join(mesh.folder, 'one', AUDIT_FILE), 'utf8'),
  );
  assert.match(audit, /"action":"quota".*shop functions=2 storedMb=1/);
});
