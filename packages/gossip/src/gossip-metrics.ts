import type { ErrorCode, Metrics, RecordOrigin } from '@popmesh/contracts';
import type { MemberState } from './member.ts';
import type { Membership } from './membership.ts';

/** The names that gossip reports under. */

const STATES: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left'];

export class GossipMetrics {
  readonly #members;
  readonly #probes;
  readonly #applied;
  readonly #refused;
  readonly #syncs;
  readonly #dropped;
  readonly #health;
  readonly #records;
  readonly #clockAhead;
  #droppedSeen = 0;

  constructor(metrics: Metrics) {
    this.#members = metrics.gauge('popmesh_gossip_members', 'Known members.', ['state']);
    this.#probes = metrics.counter('popmesh_gossip_probes_total', 'Probes made.', ['outcome']);
    this.#applied = metrics.counter('popmesh_gossip_records_applied_total', 'Records applied.', [
      'origin',
    ]);
    this.#refused = metrics.counter('popmesh_gossip_records_refused_total', 'Records refused.', [
      'code',
    ]);
    this.#syncs = metrics.counter('popmesh_gossip_syncs_total', 'Reconciles made.', ['outcome']);
    this.#dropped = metrics.counter(
      'popmesh_gossip_rumors_dropped_total',
      'Records that a full push queue left to anti-entropy.',
    );
    this.#health = metrics.gauge(
      'popmesh_gossip_local_health',
      'Lifeguard multiplier: 1 is well, 9 is worst.',
    );
    this.#clockAhead = metrics.gauge(
      'popmesh_clock_ahead_ms',
      'How far the wall clock is ahead of the median of the other members.',
    );
    this.#records = metrics.gauge('popmesh_gossip_records', 'Records in the table.');
  }

  /** Called at each heartbeat. */
  view(membership: Membership, table: { size: number }, rumors: { dropped: number }): void {
    const members = membership.members();
    for (const state of STATES) {
      const count = members.filter((member) => member.state === state).length;
      this.#members.set(count, { state });
    }
    this.#health.set(membership.health.multiplier);
    this.#records.set(table.size);
    if (rumors.dropped > this.#droppedSeen) this.#dropped.add(rumors.dropped - this.#droppedSeen);
    this.#droppedSeen = rumors.dropped;
  }

  clockAhead(aheadMs: number | undefined): void {
    if (aheadMs !== undefined) this.#clockAhead.set(aheadMs);
  }

  probed(outcome: string): void {
    this.#probes.add(1, { outcome });
  }

  recordApplied(origin: RecordOrigin): void {
    this.#applied.add(1, { origin });
  }

  recordRefused(code: ErrorCode): void {
    this.#refused.add(1, { code });
  }

  synced(outcome: 'done' | 'failed'): void {
    this.#syncs.add(1, { outcome });
  }
}
