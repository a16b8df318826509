import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import {
  create,
  NodeAnnouncementSchema,
  RECORD_ENVELOPE_BYTES_MAX,
  toBinary,
} from '@popmesh/protocol';
import type { FunctionView } from '@popmesh/replication';
import {
  ANNOUNCED_FAILURES_BYTES_MAX,
  announcedFailures,
  cutToBytes,
} from './announced-failures.ts';
import { QuotaControl, type QuotaControlOptions } from './quota/quota-control.ts';

/** What a node says must fit a signed record, whatever tenants deploy. */

const revision = 2n ** 63n;
const longest = (i: number): `${string}/${string}` =>
  `${'n'.repeat(63)}/${String(i).padStart(62, 'f')}`;
const sizeOf = (announcement: object) =>
  toBinary(NodeAnnouncementSchema, create(NodeAnnouncementSchema, announcement)).length;

/** Deploys until there is no room; answers how many there were. */
function untilFull(idOf: (i: number) => `${string}/${string}`): { ids: string[]; error: unknown } {
  const views: FunctionView[] = [];
  const quotas = new QuotaControl({
    defaults: { functions: 100_000, versionsKept: 1, storedMb: 1, hosts: 1 },
    records: { get: () => undefined },
    registry: { list: () => views, get: () => undefined, countDeleted: () => 0 },
  } as unknown as QuotaControlOptions);
  const view = (id: string) => ({ id }) as FunctionView;
  // All but the last hundred at once: each check looks at all.
  const first = Math.floor((384 * 1024) / (idOf(0).length + 16)) - 100;
  for (let i = 0; i < first; i++) views.push(view(idOf(i)));
  for (let i = first; i < first + 1000; i++) {
    try {
      quotas.checkFunctions('n', idOf(i));
    } catch (error) {
      return { ids: views.map(({ id }) => id), error };
    }
    views.push(view(idOf(i)));
  }
  assert.fail('it is never full');
}

test('as many functions as there may be, and failures of all, fit one announcement', () => {
  const error = new PopmeshError('internal', '😀'.repeat(300));
  const shortest = (i: number): `${string}/${string}` => `n/${i.toString(36).padStart(4, '0')}`;
  for (const idOf of [longest, shortest]) {
    const { ids, error: refused } = untilFull(idOf);
    assert.ok(refused instanceof PopmeshError);
    const limit = refused.details?.limit;
    assert.deepEqual([refused.code, limit], ['quota_exceeded', 'announced_functions_bytes']);
    const failures = announcedFailures(
      ids.map((id) => ({
        function: id as `${string}/${string}`,
        revision,
        error,
        isLasting: true,
      })),
    );
    const ready = ids.map((id) => ({ function: id, revision, fallbackVersion: 20 }));
    const bytes = sizeOf({ ready, failures });
    assert.ok(bytes < RECORD_ENVELOPE_BYTES_MAX - 16 * 1024, `${bytes} bytes`);
  }
});

test('of the failures the newest stay, each cut at a whole character', () => {
  const error = new PopmeshError('internal', `x${'😀'.repeat(300)}`);
  const failures = Array.from({ length: 5000 }, (_, i) => ({
    function: longest(i),
    revision: revision + BigInt(i),
    error,
    isLasting: true,
  }));
  const kept = announcedFailures(failures);
  assert.ok(sizeOf({ failures: kept }) <= ANNOUNCED_FAILURES_BYTES_MAX);
  assert.ok(kept.length > 100, `${kept.length}`);
  assert.equal(kept[0]?.function, longest(4999));
  assert.equal(kept[0]?.message, `x${'😀'.repeat(74)}`);
  assert.equal(cutToBytes('short', 300), 'short');
});
