import { PopmeshError } from '@popmesh/contracts';
import { gatewayKey, nodeKey } from '@popmesh/protocol';
import { compareHeads } from './anti-entropy.ts';
import { PING_RECORD_BYTES_MAX } from './limits.ts';
import type { Membership } from './membership.ts';
import { type ProberParts, ping } from './prober.ts';
import type { GossipRecordTable } from './record-table.ts';
import type { GossipHandlers } from './transport.ts';

/** What others may ask of us. `running` throws when we are not there to answer. */

export interface HandlerParts {
  readonly membership: Membership;
  readonly prober: ProberParts;
  readonly table: GossipRecordTable;
  readonly indirectTimeoutMaxMs: number;
  /** Unix milliseconds of our own wall clock, right or wrong. */
  readonly wallMs: () => number;
  /** Whether another process may have our id. */
  readonly yieldsId: () => boolean;
  /** Another process with our id asked whether we are alive. */
  readonly rivalAsked: (process: bigint) => void;
}

const heldOf = (table: GossipRecordTable, id: string): bigint =>
  (table.get(nodeKey(id)) ?? table.get(gatewayKey(id)))?.revision ?? 0n;

export function gossipHandlers(running: () => HandlerParts): GossipHandlers {
  return {
    async ping(request) {
      const { membership, prober, table, wallMs, yieldsId, rivalAsked } = running();
      const { exchange, self } = prober;
      const { id } = membership.self;
      if (request.target !== id) {
        throw new PopmeshError('not_found', `this is ${id}, not ${request.target.slice(0, 128)}`);
      }
      const facts = {
        from: id,
        clockMs: BigInt(Math.floor(wallMs())),
        process: self.process,
        startedAtMs: BigInt(self.startedAtMs),
        yieldsId: yieldsId(),
      };
      if (request.from === id) {
        if (request.process !== self.process) rivalAsked(request.process);
        return facts;
      }
      exchange.takeUpdates(request.updates);
      // Not awaited: the answer proves life, and a slow disk is no death.
      void exchange.takeRecords(request.from, request.records);
      const records = exchange.recordsFor(request.from, PING_RECORD_BYTES_MAX);
      return {
        ...facts,
        updates: exchange.updatesFor(request.from, request.updates),
        records: exchange.signed(records),
        heldAnnouncement: heldOf(table, request.from),
      };
    },

    async pingIndirect({ target, targetAddress, timeoutMs }) {
      const { membership, prober, indirectTimeoutMaxMs } = running();
      // Members only, or anyone could have us call any address.
      const member = membership.get(target);
      if (member === undefined || member.address !== targetAddress) return { acknowledged: false };
      const waitMs = Math.max(1, Math.min(timeoutMs, indirectTimeoutMaxMs));
      return { acknowledged: (await ping(target, targetAddress, waitMs, prober)) === undefined };
    },

    async push(request) {
      const { prober, table } = running();
      prober.exchange.takeUpdates(request.updates);
      await prober.exchange.takeRecords(request.from, request.records);
      return { heldAnnouncement: heldOf(table, request.from) };
    },

    async sync(request) {
      const { membership, prober, table } = running();
      const { exchange } = prober;
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
