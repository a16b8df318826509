import type { CallOptions } from '@popmesh/protocol';
import { allDigests, batches, headsOf } from './anti-entropy.ts';
import type { Exchange } from './exchange.ts';
import { SYNC_ROUNDS_MAX } from './limits.ts';
import type { GossipRecordTable } from './record-table.ts';
import type { GossipTransport } from './transport.ts';

/** The calling side of anti-entropy: rounds until both tables are the same, or nothing moves. */

const HELLO_MS_MAX = 3500;

export interface ReconcileParts {
  readonly transport: GossipTransport;
  readonly exchange: Exchange;
  readonly table: GossipRecordTable;
  readonly selfId: string;
  readonly options: CallOptions;
}

export interface Reconciled {
  /** Who answered at the address. */
  readonly peer: string;
  readonly received: number;
  readonly sent: number;
}

export async function reconcile(address: string, parts: ReconcileParts): Promise<Reconciled> {
  const { transport, exchange, table, selfId, options } = parts;
  /** Buckets that stay different whatever we do: one side refuses something in them. */
  const stuck = new Set<number>();
  let peer = '';
  let received = 0;
  let sent = 0;
  for (let round = 0; round < SYNC_ROUNDS_MAX; round++) {
    const { from } = exchange;
    const members = exchange.allMembers();
    const digests = allDigests(table);
    const hello = { from, members, digests };
    // Whoever does not answer the first word is told of sooner than a transfer may last.
    const timeoutMs = round === 0 ? Math.min(options.timeoutMs, HELLO_MS_MAX) : options.timeoutMs;
    const answer = await transport.call(address, 'sync', hello, { ...options, timeoutMs });
    peer = answer.from;
    exchange.takeUpdates(answer.members);
    if (peer === selfId) break;
    const differing = answer.differingBuckets.filter((bucket) => !stuck.has(bucket));
    if (differing.length === 0) break;

    const { buckets, heads } = headsOf(table, differing);
    const difference = await transport.call(address, 'sync', { from, buckets, heads }, options);
    const applied = await exchange.takeRecords(peer, difference.records);
    const wanted = difference.wanted
      .map((key) => table.get(key))
      .filter((record) => record !== undefined);
    for (const batch of batches(wanted)) {
      await transport.call(address, 'sync', { from, records: exchange.signed(batch) }, options);
      exchange.acknowledged(peer, batch);
    }
    received += applied;
    sent += wanted.length;
    if (applied === 0) {
      // We gave all that they wanted; if that did not settle it, one more try would not either.
      for (const bucket of buckets) stuck.add(bucket);
    }
  }
  return { peer, received, sent };
}
