import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PopmeshError } from '@popmesh/contracts';
import { QuotaControl, type QuotaControlOptions } from './quota-control.ts';
import { WrittenBytes } from './written-bytes.ts';

const MB = 1024 * 1024;
const KEPT_MS = 3_600_000;

test('new bytes count until what they replaced is gone, for each namespace by itself', () => {
  let now = 0;
  const written = new WrittenBytes({ monotonic: () => now }, KEPT_MS);
  const quotas = new QuotaControl({
    defaults: { functions: 1, versionsKept: 1, storedMb: 5, hosts: 1 },
    records: {
      get: (namespace: string) => (namespace === 'large' ? { storedMb: 2_000 } : undefined),
    },
    written,
  } as unknown as QuotaControlOptions);
  const refused = (error: PopmeshError): boolean =>
    error.code === 'quota_exceeded' && error.details.limit === 'written_mb';

  // A small quota is no reason to keep somebody from deploying on every save.
  for (let i = 0; i < 5; i++) {
    quotas.write('mallory', 100 * MB);
    now += KEPT_MS / 10;
  }
  assert.throws(() => quotas.write('mallory', 100 * MB), refused);
  quotas.write('mallory', 12 * MB);
  assert.throws(() => quotas.write('mallory', 1), refused);
  quotas.write('mallory', 0);
  quotas.write('bank', 512 * MB);
  quotas.write('large', 2_000 * MB);
  now += KEPT_MS / 2 + 60_000;
  quotas.write('mallory', 100 * MB);
  assert.throws(() => quotas.write('mallory', 100 * MB), refused);
  now += 2 * KEPT_MS;
  assert.equal(written.of('mallory'), 0);
  quotas.write('mallory', 512 * MB);
});
