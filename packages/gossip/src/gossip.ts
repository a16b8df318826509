import { type LifecycleState, PopmeshError, type Timer } from '@popmesh/contracts';
import { isDurableKey } from '@popmesh/protocol';
import { AnnouncementKeeper } from './announcements.ts';
import { assemble, type Running } from './assembly.ts';
import { type GossipConfig, parseGossipConfig } from './config.ts';
import { Dissemination } from './dissemination.ts';
import { FailureLog } from './failure-log.ts';
import type { Gossip, GossipOptions, MemberListener } from './gossip-api.ts';
import { GossipMetrics } from './gossip-metrics.ts';
import { gossipHandlers } from './handlers.ts';
import type { IdState } from './id-claim.ts';
import { Listeners } from './listeners.ts';
import { asCandidates, isReturn, type Member } from './member.ts';
import type { Probe, ProbeResult } from './membership.ts';
import { MeshTime } from './mesh-time.ts';
import type { StoredState } from './persistence.ts';
import { probe } from './prober.ts';
import { GossipRecordTable } from './record-table.ts';
import { type SelfFacts, whoIsAt } from './self-facts.ts';
import { renewState } from './state-saver.ts';

/**
 * The driver: owns the heartbeat and the life cycle, and introduces the parts to
 * each other. What they decide is in their own files, without timers or sockets.
 */

const LEAVE_TIMEOUT_MS = 1000;
const RIVAL_TOLD_EVERY_MS = 60_000;
const ASKING: IdState = { kind: 'asking' };

export const createGossip = (options: GossipOptions): Gossip => new GossipDriver(options);

class GossipDriver implements Gossip {
  readonly table: GossipRecordTable;
  readonly handlers = gossipHandlers(() => this.#require());
  readonly process: bigint;
  readonly time: MeshTime;
  readonly #options: GossipOptions;
  readonly #config: GossipConfig;
  readonly #metrics: GossipMetrics;
  readonly #dissemination: Dissemination;
  readonly #announcements: AnnouncementKeeper;
  readonly #listeners: Listeners<Parameters<MemberListener>>;
  readonly #idListeners: Listeners<[state: IdState]>;
  readonly #silences = new FailureLog(0);
  #idKind: IdState['kind'] = 'asking';
  #rivalToldMs = Number.NEGATIVE_INFINITY;
  readonly #abort = new AbortController();
  /** Calls and writes under way; each has a time-out, and a stop waits for them. */
  readonly #work = new Set<Promise<unknown>>();
  #state: LifecycleState = 'created';
  #running: Running | undefined;
  #heartbeat: Timer | undefined;
  /** Opening and loading; settles, always. */
  #loaded: Promise<unknown> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: GossipOptions) {
    this.#options = options;
    this.#listeners = new Listeners('the membership', options.logger);
    this.#idListeners = new Listeners('the id', options.logger);
    this.#config = parseGossipConfig(options.config);
    this.process = Buffer.from(options.random.bytes(8)).readBigUInt64LE();
    this.time = new MeshTime(options.clock, this.#config.revisionAheadMaxMs);
    this.#metrics = new GossipMetrics(options.metrics);
    this.#dissemination = new Dissemination(options.random);
    this.#announcements = new AnnouncementKeeper(this.#config.announcementKeepMs);
    this.table = new GossipRecordTable({ ...options, ...this.#config, time: this.time });
    this.table.onApplied((record, origin) => {
      this.#metrics.recordApplied(origin);
      this.#dissemination.addRecord(record);
      if (!isDurableKey(record.key)) this.#running?.saver.announcementsChanged();
      this.#running?.pusher.soon();
    });
  }

  get joined(): boolean {
    return this.#running?.syncer.joined ?? false;
  }

  get joinFailure(): string | undefined {
    return this.#running?.syncer.failure;
  }

  get expectsOthers(): boolean {
    const running = this.#running;
    if (running === undefined) return this.#options.seeds.length > 0;
    return running.syncer.expectsOthers || running.membership.live().length > 0;
  }

  get idState(): IdState {
    return this.#running?.claim.state ?? ASKING;
  }

  get revisionAheadMaxMs(): number {
    return this.#config.revisionAheadMaxMs;
  }

  heldAnnouncement(): bigint | undefined {
    const live = this.#running?.membership.live() ?? [];
    return live.length === 0 ? undefined : this.#running?.holders.highest(live);
  }

  onIdChanged(listener: (state: IdState) => void): () => void {
    return this.#idListeners.add(listener);
  }

  yieldId(): void {
    if (this.#running === undefined) return;
    this.#running.claim.yield();
    this.#running.membership.yield();
    this.#followClaim(this.#running);
  }

  members(): Member[] {
    return this.#running?.membership.members() ?? [];
  }

  onMemberChanged(listener: MemberListener): () => void {
    return this.#listeners.add(listener);
  }

  /** Loads what the disk has, then joins in the background, for ever. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'created') throw new PopmeshError('internal', 'gossip was started before');
    this.#state = 'starting';
    try {
      const either = AbortSignal.any([signal, this.#abort.signal]);
      const loading = this.#openAndLoad(either);
      this.#loaded = loading.catch(() => {});
      await loading;
      either.throwIfAborted();
      this.#state = 'ready';
      this.#beat();
    } catch (error) {
      this.#state = 'failed';
      await this.stop();
      throw error;
    }
  }

  async leave(): Promise<void> {
    const running = this.#running;
    if (this.#state !== 'ready' || running === undefined) return;
    this.#state = 'draining';
    // Whoever has the id now is not leaving.
    if (running.membership.isSilent) return;
    running.claim.yield();
    running.membership.leave();
    this.#changed(running);
    await running.pusher.tellAll(LEAVE_TIMEOUT_MS);
  }

  async syncNow(): Promise<void> {
    await this.#require().syncer.now();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#state = 'stopped';
    this.#heartbeat?.cancel();
    this.#running?.pusher.stop();
    this.#abort.abort(new PopmeshError('cancelled', 'gossip is stopping'));
    // A start that is under way would go on writing where the next one reads.
    await Promise.allSettled([this.#options.transport.close(), this.#loaded]);
    // What ends may begin something more, which then ends at once.
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
    await this.#running?.saver.flush();
    await this.#options.persistence.close();
  }

  #require(): Running {
    const usable = this.#state === 'ready' || this.#state === 'draining';
    if (usable && this.#running !== undefined) return this.#running;
    throw new PopmeshError('unavailable', `gossip is ${this.#state}`);
  }

  async #openAndLoad(signal: AbortSignal): Promise<void> {
    const stored = await this.#options.persistence.open();
    signal.throwIfAborted();
    await this.#load(stored);
  }

  async #load(stored: StoredState): Promise<void> {
    const { persistence, logger, clock } = this.#options;
    const unreadable = this.table.load([...stored.records, ...stored.announcements]);
    const incarnation = await renewState(persistence, stored, unreadable, logger);
    const running = assemble(this.#options, incarnation, {
      config: this.#config,
      table: this.table,
      dissemination: this.#dissemination,
      metrics: this.#metrics,
      time: this.time,
      facts: this.#facts(),
      alone: this.#options.seeds.length === 0 && asCandidates(stored.members).length === 0,
      rivalAsked: (process) => this.#rivalAsked(process),
      signal: this.#abort.signal,
      track: (work) => this.#track(work),
      changed: () => this.#changed(running),
    });
    this.#running = running;
    this.#idKind = running.claim.state.kind;
    running.membership.receive(asCandidates(stored.members), clock.monotonic());
    this.#changed(running);
  }

  #beat(): void {
    const running = this.#running;
    if (running === undefined || this.#abort.signal.aborted) return;
    const { membership, syncer, saver } = running;
    const nowMs = this.#options.clock.monotonic();
    for (const task of membership.tick(nowMs)) this.#track(this.#probe(task, running));
    this.#changed(running);
    if (this.#state === 'ready') syncer.tick(nowMs);
    for (const address of running.claim.tick(nowMs)) this.#track(this.#check(address, running));
    this.#followClaim(running);
    this.#track(saver.tick(nowMs));
    const gone = this.#announcements.overdue(this.table, (id) => membership.get(id), nowMs);
    for (const { key, revision } of gone) this.#track(this.table.forget(key, revision));
    this.#metrics.view(membership, this.table, this.#dissemination);
    this.#metrics.clockAhead(this.time.aheadMs());
    this.#heartbeat = this.#options.clock.setTimer(this.#config.tickMs, () => this.#beat());
  }

  async #probe(task: Probe, running: Running): Promise<void> {
    const { membership, prober } = running;
    const result = await probe(task, prober);
    if (this.#abort.signal.aborted) return;
    this.#tellSilence(task, result);
    this.#metrics.probed(result.outcome);
    membership.finishProbe(task, result, this.#options.clock.monotonic());
    this.#changed(running);
  }

  /** Why a member looks dead, for whoever reads the log: a certificate, a route, a process. */
  #tellSilence(task: Probe, { outcome, failure }: ProbeResult): void {
    const { id, address, state } = task.target;
    if (failure === undefined) this.#silences.recovered(id);
    else if (state !== 'dead' && failure.code !== 'cancelled') {
      const { code, message } = failure;
      if (!this.#silences.failed(id, message, task.startedMs, this.#options.clock.monotonic())) {
        return;
      }
      const others = outcome === 'indirect' ? 'others reach it' : 'nobody else reaches it';
      this.#options.logger.warn(`a member does not answer us; ${others}`, {
        id,
        address,
        code,
        error: message,
      });
    }
  }

  #facts(): SelfFacts {
    const { self, clock } = this.#options;
    return { id: self.id, process: this.process, startedAtMs: Math.floor(clock.now()) };
  }

  async #check(address: string, running: Running): Promise<void> {
    const { prober, claim } = running;
    const { transport, self, signal } = prober;
    const timeoutMs = this.#config.probeTimeoutMs;
    const outcome = await whoIsAt(address, self, transport, { timeoutMs, signal });
    if (signal.aborted) return;
    claim.checked(address, outcome, this.#options.clock.monotonic());
    this.#followClaim(running);
  }

  /** What the claim decided becomes what we say of ourselves. */
  #followClaim(running: Running): void {
    const { claim, membership, syncer } = running;
    const { state } = claim;
    if (state.kind === this.#idKind) return;
    this.#idKind = state.kind;
    const { logger } = this.#options;
    if (state.kind === 'held') {
      membership.speak();
      syncer.greet();
    } else if (state.kind === 'waiting') {
      membership.silence();
      const { rival } = state;
      logger.warn('another process with this id is alive: waiting for it to end', {
        address: rival.address,
        startedAtMs: rival.startedAtMs,
        waitMs: this.#config.idWaitMs,
      });
    }
    this.#changed(running);
    this.#idListeners.tell(state);
  }

  #rivalAsked(process: bigint): void {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs - this.#rivalToldMs < RIVAL_TOLD_EVERY_MS) return;
    this.#rivalToldMs = nowMs;
    this.#options.logger.warn('another process with this id was started: it waits for our end', {
      process: process.toString(16),
    });
  }

  /** Passes on what the membership decided since the last call. */
  #changed(running: Running): void {
    const { membership, pusher, syncer, saver } = running;
    const nowMs = this.#options.clock.monotonic();
    for (const address of membership.takeRivals()) running.claim.heard(address, nowMs);
    for (const change of membership.takeChanges()) {
      this.#dissemination.addUpdate(change.member);
      saver.membersChanged();
      pusher.soon();
      if (isReturn(change) && change.member.id !== membership.self.id)
        syncer.want(change.member.id);
      this.#tell(change.member, change.previous);
    }
  }

  #tell(member: Member, previous: Member | undefined): void {
    const { logger } = this.#options;
    const { id, address, state, incarnation } = member;
    if (previous?.state !== state) {
      const level = state === 'dead' ? 'warn' : 'info';
      logger[level]('a member changed', { id, address, state, was: previous?.state, incarnation });
    } else if (id === this.#options.self.id && previous.incarnation !== incarnation) {
      logger.info('what others said of us was refuted', { incarnation });
    }
    this.#listeners.tell(member, previous);
  }

  #track(work: Promise<unknown>): void {
    const settled = work
      .catch((error) => {
        this.#options.logger.error('gossip work failed', { error: String(error) });
      })
      .finally(() => this.#work.delete(settled));
    this.#work.add(settled);
  }
}
