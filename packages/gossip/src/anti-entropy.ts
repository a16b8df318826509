import type { OpaqueRecord } from '@popmesh/contracts';
import { BUCKETS, bucketOf } from './bucket-digests.ts';
import { SYNC_HEADS_MAX, SYNC_RECORD_BYTES_MAX } from './limits.ts';
import type { GossipRecordTable } from './record-table.ts';

/**
 * Comparing two tables without sending them (pure): 256 digests, then the heads
 * of the buckets that differ, then only the records that one side lacks. Refused:
 * a deeper tree, which saves bytes above some 100,000 records only.
 */

type Table = Pick<GossipRecordTable, 'digests' | 'get' | 'isForgotten'>;

export interface Head {
  readonly key: string;
  readonly revision: bigint;
}

export const allDigests = (table: Table): { bucket: number; hash: bigint }[] =>
  Array.from({ length: BUCKETS }, (_, bucket) => ({ bucket, hash: table.digests.hash(bucket) }));

/** As many of the buckets as fit one message, at least one, with the heads we hold in them. */
export function headsOf(table: Table, buckets: readonly number[]) {
  const chosen: number[] = [];
  const heads: Head[] = [];
  for (const bucket of buckets) {
    const keys = table.digests.keys(bucket);
    if (chosen.length > 0 && heads.length + keys.size > SYNC_HEADS_MAX) break;
    chosen.push(bucket);
    for (const key of keys) {
      const record = table.get(key);
      if (record !== undefined) heads.push({ key, revision: record.revision });
    }
  }
  return { buckets: chosen, heads };
}

/** What the caller lacks, within one message; and the keys that we lack. */
export function compareHeads(table: Table, buckets: readonly number[], heads: readonly Head[]) {
  const theirs = new Map<number, Map<string, bigint>>(
    buckets.filter((bucket) => bucket < BUCKETS).map((bucket) => [bucket, new Map()]),
  );
  for (const { key, revision } of heads) theirs.get(bucketOf(key))?.set(key, revision);
  const lacked: OpaqueRecord[] = [];
  const wanted: string[] = [];
  for (const [bucket, held] of theirs) {
    const same: string[] = [];
    let differs = false;
    for (const key of table.digests.keys(bucket)) {
      const record = table.get(key) as OpaqueRecord;
      const revision = held.get(key);
      if (revision === record.revision) same.push(key);
      if (revision !== undefined && revision >= record.revision) continue;
      differs = true;
      lacked.push(record);
    }
    for (const [key, revision] of held) {
      const record = table.get(key);
      if (record !== undefined && record.revision >= revision) continue;
      differs = true;
      if (!table.isForgotten(key, revision)) wanted.push(key);
    }
    // Different digests over equal heads: two records share a revision. Both sides show theirs.
    if (!differs) {
      for (const key of same) lacked.push(table.get(key) as OpaqueRecord);
      wanted.push(...same);
    }
  }
  return { records: fitting(lacked), wanted: wanted.slice(0, SYNC_HEADS_MAX) };
}

/** The first of them that fit one message. */
function fitting(records: readonly OpaqueRecord[]): OpaqueRecord[] {
  let bytes = 0;
  return records.filter((record) => {
    bytes += record.envelope.length;
    return bytes <= SYNC_RECORD_BYTES_MAX;
  });
}

/** All of them, in lists that fit one message each. */
export function batches(records: readonly OpaqueRecord[]): OpaqueRecord[][] {
  const out: OpaqueRecord[][] = [];
  let rest = records;
  while (rest.length > 0) {
    const batch = fitting(rest);
    out.push(batch);
    rest = rest.slice(batch.length);
  }
  return out;
}
