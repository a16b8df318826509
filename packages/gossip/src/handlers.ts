import { PopmeshError } from '@popmesh/contracts';
import { compareHeads } from './anti-entropy.ts';
import type { Exchange } from './exchange.ts';
import { PING_RECORD_BYTES_MAX } from './limits.ts';
import type { Membership } from './membership.ts';
import { ping } from './prober.ts';
import type { GossipRecordTable } from './record-table.ts';
import type { GossipHandlers, GossipTransport } from './transport.ts';

/** What others may ask of us. `running` throws when we are not there to answer. */

export interface HandlerParts {
  readonly membership: Membership;
  readonly exchange: Exchange;
  readonly table: GossipRecordTable;
  readonly transport: GossipTransport;
  readonly signal: AbortSignal;
  readonly indirectTimeoutMaxMs: number;
}

export function gossipHandlers(running: () => HandlerParts): GossipHandlers {
  return {
    async ping(request) {
      const { membership, exchange } = running();
      const { id } = membership.self;
      if (request.target !== id) {
        throw new PopmeshError('not_found', `this is ${id}, not ${request.target.slice(0, 128)}`);
      }
      exchange.takeUpdates(request.updates);
      // Not awaited: the answer proves life, and a slow disk is no death.
      void exchange.takeRecords(request.from, request.records);
      const records = exchange.recordsFor(request.from, PING_RECORD_BYTES_MAX);
      return {
        from: id,
        updates: exchange.updatesFor(request.from),
        records: exchange.signed(records),
      };
    },

    async pingIndirect({ target, targetAddress, timeoutMs }) {
      const { membership, exchange, transport, signal, indirectTimeoutMaxMs } = running();
      // Members only, or anyone could have us call any address.
      const member = membership.get(target);
      if (member === undefined || member.address !== targetAddress) return { acknowledged: false };
      const waitMs = Math.max(1, Math.min(timeoutMs, indirectTimeoutMaxMs));
      const parts = { transport, exchange, selfId: membership.self.id, signal };
      return { acknowledged: (await ping(target, targetAddress, waitMs, parts)) === undefined };
    },

    async push(request) {
      const { exchange } = running();
      exchange.takeUpdates(request.updates);
      await exchange.takeRecords(request.from, request.records);
      return {};
    },

    async sync(request) {
      const { membership, exchange, table } = running();
      exchange.takeUpdates(request.members);
      await exchange.takeRecords(request.from, request.records);
      const from = membership.self.id;
      if (request.buckets.length > 0) {
        const { records, wanted } = compareHeads(table, request.buckets, request.heads);
        return { from, records: exchange.signed(records), wanted };
      }
      if (request.digests.length === 0) return { from };
      const differingBuckets = table.digests.differing(request.digests);
      return { from, members: exchange.allMembers(), differingBuckets };
    },
  };
}
