import { type Clock, type Logger, PopmeshError, type Random } from '@popmesh/contracts';
import type { GossipConfig } from './config.ts';
import { FailureLog } from './failure-log.ts';
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
  readonly diagnose: () => readonly string[];
  readonly reconcile: (address: string) => Promise<Reconciled>;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: GossipConfig;
  readonly logger: Logger;
  readonly metrics: GossipMetrics;
  readonly track: (work: Promise<unknown>) => void;
  /** Another member told us all that it knows. */
  readonly answered: () => void;
  /** All that we know of were called, and none answered. */
  readonly nobodyAnswered: () => void;
  /** Somebody with our id answers at an address that is not ours. */
  readonly namesake: (address: string) => void;
}

/** Others that start along with us may need so long; a longer failure is worth a line. */
const JOIN_GRACE_MS = 2000;

const SILENT_SYNC_MS = 2000;

export class Syncer {
  /** Whether one reconcile has succeeded since the start. */
  joined = false;
  /** Why the last one failed. */
  failure: string | undefined;
  readonly #failures = new FailureLog(JOIN_GRACE_MS);
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

  /** Whether a seed is, or may be, somebody else. */
  get expectsOthers(): boolean {
    return this.#seeds.expectOthers(this.#parts.membership.self.id);
  }

  /** We have something to say of ourselves: to all seeds, at once. */
  greet(): void {
    this.#seeds.again();
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
    const { clock, config, random, membership } = this.#parts;
    const { syncIntervalMs } = config;
    // Nobody pushes to one that says nothing of itself.
    const everyMs = membership.isSilent ? Math.min(SILENT_SYNC_MS, syncIntervalMs) : syncIntervalMs;
    this.#nextMs = clock.monotonic() + everyMs * (0.75 + random.float() / 2);
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
          this.#noticeSilence();
        }),
      );
    }
  }

  async #callSeed(address: string): Promise<void> {
    const done = await this.#sync(address);
    const nowMs = this.#parts.clock.monotonic();
    if (done === undefined) this.#seeds.missed(address, nowMs);
    else this.#seeds.reached(address, done.peer, nowMs);
    this.#noticeSilence();
  }

  #noticeSilence(): void {
    const idle = this.#running.size === 0 && this.#wanted.size === 0;
    if (!this.joined && idle && this.#seeds.allTried) this.#parts.nobodyAnswered();
  }

  async #sync(address: string): Promise<Reconciled | undefined> {
    const { reconcile, logger, metrics, membership, clock, answered, namesake } = this.#parts;
    const startedMs = clock.monotonic();
    try {
      const done = await reconcile(address);
      metrics.synced('done');
      if (this.#failures.recovered(address)) logger.info('a member can be reached', { address });
      if (done.peer !== membership.self.id) {
        this.joined = true;
        answered();
      } else if (address !== membership.self.address) namesake(address);
      if (done.received + done.sent > 0) logger.debug('reconciled', { address, ...done });
      return done;
    } catch (caught) {
      metrics.synced('failed');
      const { code, message: said } = PopmeshError.from(caught);
      if (code === 'cancelled') return undefined;
      const message = [said, ...this.#parts.diagnose()].join('; ');
      this.failure = message;
      if (this.#failures.failed(address, message, startedMs, clock.monotonic())) {
        const what = this.joined ? 'a member cannot be reached' : 'the mesh could not be joined';
        logger.warn(what, { address, code, error: message });
      }
      return undefined;
    }
  }
}
