import { gatewayKey, nodeKey } from '@popmesh/protocol';
import { AnnouncementHolders } from './announcement-holders.ts';
import { announcementsOf } from './announcements.ts';
import type { GossipConfig } from './config.ts';
import type { Dissemination } from './dissemination.ts';
import { Exchange } from './exchange.ts';
import type { GossipOptions } from './gossip-api.ts';
import type { GossipMetrics } from './gossip-metrics.ts';
import type { HandlerParts } from './handlers.ts';
import { IdClaim } from './id-claim.ts';
import { Membership } from './membership.ts';
import type { MeshTime } from './mesh-time.ts';
import type { ProberParts } from './prober.ts';
import { Pusher } from './pusher.ts';
import { reconcile } from './reconcile.ts';
import type { GossipRecordTable } from './record-table.ts';
import type { SelfFacts } from './self-facts.ts';
import { StateSaver } from './state-saver.ts';
import { Syncer } from './syncer.ts';

/** Builds what exists only while gossip runs, top to bottom, each part with its collaborators. */

/** A relay may take as long as our own probes at the worst local health. */
const RELAY_PATIENCE = 9;

/** Whether the other with our id is still alive; well below the 5 s in which we take over. */
const ID_CHECK_EVERY_MS = 500;

export interface Running extends HandlerParts {
  readonly pusher: Pusher;
  readonly syncer: Syncer;
  readonly saver: StateSaver;
  readonly claim: IdClaim;
  readonly holders: AnnouncementHolders;
}

/** What outlives a run, and what the parts ask of the driver. */
export interface Frame {
  readonly config: GossipConfig;
  readonly table: GossipRecordTable;
  readonly dissemination: Dissemination;
  readonly metrics: GossipMetrics;
  readonly time: MeshTime;
  readonly facts: SelfFacts;
  /** The disk knows of nobody, and there are no seeds: our id is ours. */
  readonly alone: boolean;
  readonly rivalAsked: (process: bigint) => void;
  readonly signal: AbortSignal;
  readonly track: (work: Promise<unknown>) => void;
  readonly changed: () => void;
}

export function assemble(options: GossipOptions, incarnation: number, frame: Frame): Running {
  const { clock, random, transport, persistence, openEnvelope, logger } = options;
  const { config, table, dissemination, metrics, time, facts, signal, track, changed } = frame;
  const { id, role, pop, address } = options.self;
  const ownKey = role === 'node' ? nodeKey(id) : gatewayKey(id);
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
  const claim = new IdClaim(
    { ...facts, waitMs: config.idWaitMs, checkEveryMs: ID_CHECK_EVERY_MS },
    frame.alone,
    clock.monotonic(),
  );
  if (claim.state.kind !== 'held') membership.silence();
  const holders = new AnnouncementHolders();
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
    held: (peer, revision, sentMs) => {
      if (revision > 0n) holders.note(peer, revision, sentMs);
    },
  });
  const call = { timeoutMs: config.callTimeoutMs, signal };
  const syncer = new Syncer({
    membership,
    seeds: options.seeds,
    diagnose: options.diagnose ?? (() => []),
    reconcile: (to) => reconcile(to, { transport, exchange, table, selfId: id, options: call }),
    clock,
    random,
    config,
    logger,
    metrics,
    track,
    answered: () => claim.answered(clock.monotonic()),
    nobodyAnswered: () => claim.answered(clock.monotonic()),
    namesake: (at) => claim.heard(at, clock.monotonic()),
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
  const prober: ProberParts = {
    transport,
    exchange,
    self: facts,
    signal,
    now: () => clock.monotonic(),
    answered: ({ id: peer, clockMs, heldAnnouncement, sentMs, receivedMs }) => {
      time.note(peer, clockMs, sentMs, receivedMs);
      // Of one that cannot tell the best is believed, or nobody could join a mesh of that version.
      const held = heldAnnouncement ?? table.get(ownKey)?.revision ?? 0n;
      if (!membership.isSilent) holders.note(peer, held, sentMs);
    },
  };
  return {
    membership,
    prober,
    table,
    indirectTimeoutMaxMs: config.indirectTimeoutMs * RELAY_PATIENCE,
    wallMs: () => clock.now(),
    yieldsId: () => claim.state.kind !== 'held',
    rivalAsked: frame.rivalAsked,
    pusher,
    syncer,
    saver,
    claim,
    holders,
  };
}
