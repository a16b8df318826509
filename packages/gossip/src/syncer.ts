import { type Clock, type Logger, PopmeshError, type Random } from '@popmesh/contracts';
import type { GossipConfig } from './config.ts';
import type { GossipMetrics } from './gossip-metrics.ts';
import { SYNCS_AT_ONCE_MAX } from './limits.ts';
import { isLive, type Member } from './member.ts';
import type { Membership } from './membership.ts';
import type { Reconciled } from './reconcile.ts';
import { Seeds } from './seeds.ts';

/** Decides with whom to reconcile and when: at joining, on a return, by interval, on demand. */

export interface SyncerParts {
  readonly membership: Membership;
  readonly seeds: readonly string[];
  readonly reconcile: (address: string) => Promise<Reconciled>;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: GossipConfig;
  readonly logger: Logger;
  readonly metrics: GossipMetrics;
  readonly track: (work: Promise<unknown>) => void;
}

export class Syncer {
  /** Whether one reconcile has succeeded since the start. */
  joined = false;
  readonly #parts: SyncerParts;
  readonly #seeds: Seeds;
  /** Waiting their turn, each once. */
  readonly #wanted = new Set<string>();
  readonly #running = new Set<string>();
  #nextMs = 0;

  constructor(parts: SyncerParts) {
    this.#parts = parts;
    this.#seeds = new Seeds(parts.seeds, parts.config, parts.random);
    this.#postpone();
  }

  want(id: string): void {
    this.#wanted.add(id);
    this.#runWanted();
  }

  tick(nowMs: number): void {
    const { membership, track } = this.#parts;
    const live = (id: string): boolean => {
      const member = membership.get(id);
      return id === membership.self.id || (member !== undefined && isLive(member));
    };
    for (const address of this.#seeds.due(nowMs, live)) track(this.#callSeed(address));
    if (nowMs >= this.#nextMs) {
      this.#postpone();
      const partner = this.#partners(1)[0];
      if (partner !== undefined) this.want(partner.id);
    }
  }

  /** With three members at random; with nobody there it does nothing. */
  async now(): Promise<void> {
    await Promise.all(this.#partners(3).map((member) => this.#sync(member.address)));
  }

  #postpone(): void {
    const { clock, config, random } = this.#parts;
    this.#nextMs = clock.monotonic() + config.syncIntervalMs * (0.75 + random.float() / 2);
  }

  /** Nodes first: a gateway may be gone at any time. */
  #partners(count: number): Member[] {
    const { membership, random } = this.#parts;
    const ranked = membership
      .live()
      .map((member) => ({ member, rank: (member.role === 'node' ? 0 : 1) + random.float() }))
      .sort((a, b) => a.rank - b.rank);
    return ranked.slice(0, count).map(({ member }) => member);
  }

  #runWanted(): void {
    for (const id of this.#wanted) {
      if (this.#running.size >= SYNCS_AT_ONCE_MAX) return;
      if (this.#running.has(id)) continue;
      this.#wanted.delete(id);
      const member = this.#parts.membership.get(id);
      if (member === undefined || !isLive(member)) continue;
      this.#running.add(id);
      this.#parts.track(
        this.#sync(member.address).finally(() => {
          this.#running.delete(id);
          this.#runWanted();
        }),
      );
    }
  }

  async #callSeed(address: string): Promise<void> {
    const done = await this.#sync(address);
    const nowMs = this.#parts.clock.monotonic();
    if (done === undefined) this.#seeds.missed(address, nowMs);
    else this.#seeds.reached(address, done.peer, nowMs);
  }

  async #sync(address: string): Promise<Reconciled | undefined> {
    const { reconcile, logger, metrics, membership } = this.#parts;
    try {
      const done = await reconcile(address);
      metrics.synced('done');
      if (done.peer !== membership.self.id) this.joined = true;
      if (done.received + done.sent > 0) logger.debug('reconciled', { address, ...done });
      return done;
    } catch (caught) {
      metrics.synced('failed');
      logger.debug('a reconcile failed', { address, code: PopmeshError.from(caught).code });
      return undefined;
    }
  }
}
