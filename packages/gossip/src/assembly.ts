import { announcementsOf } from './announcements.ts';
import type { GossipConfig } from './config.ts';
import type { Dissemination } from './dissemination.ts';
import { Exchange } from './exchange.ts';
import type { GossipOptions } from './gossip-api.ts';
import type { GossipMetrics } from './gossip-metrics.ts';
import type { HandlerParts } from './handlers.ts';
import { Membership } from './membership.ts';
import { Pusher } from './pusher.ts';
import { reconcile } from './reconcile.ts';
import type { GossipRecordTable } from './record-table.ts';
import { StateSaver } from './state-saver.ts';
import { Syncer } from './syncer.ts';

/** Builds what exists only while gossip runs, top to bottom, each part with its collaborators. */

/** A relay may take as long as our own probes at the worst local health. */
const RELAY_PATIENCE = 9;

export interface Running extends HandlerParts {
  readonly pusher: Pusher;
  readonly syncer: Syncer;
  readonly saver: StateSaver;
}

/** What outlives a run, and what the parts ask of the driver. */
export interface Frame {
  readonly config: GossipConfig;
  readonly table: GossipRecordTable;
  readonly dissemination: Dissemination;
  readonly metrics: GossipMetrics;
  readonly signal: AbortSignal;
  readonly track: (work: Promise<unknown>) => void;
  readonly changed: () => void;
}

export function assemble(options: GossipOptions, incarnation: number, frame: Frame): Running {
  const { clock, random, transport, persistence, openEnvelope, logger } = options;
  const { config, table, dissemination, metrics, signal, track, changed } = frame;
  const { id, role, pop, address } = options.self;
  const membership = new Membership(
    {
      id,
      role,
      pop,
      address: typeof address === 'function' ? address() : address,
      state: 'alive',
      incarnation,
    },
    config,
    random,
  );
  const exchange = new Exchange({
    membership,
    dissemination,
    table,
    openEnvelope,
    logger,
    metrics,
    now: () => clock.monotonic(),
    changed,
  });
  const pusher = new Pusher({
    dissemination,
    membership,
    exchange,
    transport,
    clock,
    config,
    signal,
    track,
  });
  const call = { timeoutMs: config.callTimeoutMs, signal };
  const syncer = new Syncer({
    membership,
    seeds: options.seeds,
    reconcile: (to) => reconcile(to, { transport, exchange, table, selfId: id, options: call }),
    clock,
    random,
    config,
    logger,
    metrics,
    track,
  });
  const saver = new StateSaver(
    persistence,
    {
      members: () => membership.members().filter((member) => member.id !== id),
      announcements: () => announcementsOf(table),
      incarnation: () => membership.self.incarnation,
    },
    logger,
  );
  const indirectTimeoutMaxMs = config.indirectTimeoutMs * RELAY_PATIENCE;
  return {
    membership,
    exchange,
    table,
    transport,
    signal,
    indirectTimeoutMaxMs,
    pusher,
    syncer,
    saver,
  };
}
