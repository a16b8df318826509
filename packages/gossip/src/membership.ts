import { type PopmeshError, type Random, shuffled } from '@popmesh/contracts';
import type { GossipConfig } from './config.ts';
import { INCARNATION_MAX } from './limits.ts';
import { LocalHealth } from './local-health.ts';
import { isLive, isPlausible, type Member, type MemberChange, overrides } from './member.ts';
import { ProbeOrder } from './probe-order.ts';
import { Suspicion } from './suspicion.ts';

/**
 * SWIM with Lifeguard, sans-I/O: statements, probe results and time go in; views,
 * changes and probes to make come out. Everything is decided by own probes and
 * the total order of `member.ts`. Refused: heartbeats to all, whose cost grows
 * with the square of the members.
 */

/** How often we raise our incarnation against another that says it is us. */
const RIVAL_EVERY_MS = 1000;
/** Rivals' addresses between two looks; more are not remembered. */
const RIVALS_MAX = 8;

/**
 * `silent`: another may have our id, so we say nothing of ourselves and refute
 * nothing. `yielding`: as we are leaving, a new process may take the id over.
 */
type Voice = 'speaking' | 'silent' | 'yielding';

export interface Probe {
  readonly target: Member;
  /** Asked when the target does not answer; none when the target is dead already. */
  readonly relays: readonly Member[];
  readonly timeoutMs: number;
  readonly indirectTimeoutMs: number;
  readonly startedMs: number;
}

export interface ProbeResult {
  readonly outcome: 'direct' | 'indirect' | 'failed';
  /** The target's host answered "nobody here": no sign against our own health. */
  readonly refused: boolean;
  /** Whether at least one relay answered, with yes or no. */
  readonly relaysAnswered: boolean;
  /** Why the target itself did not answer us. */
  readonly failure?: PopmeshError;
}

interface Entry {
  member: Member;
  changedMs: number;
  suspicion: Suspicion | undefined;
  recheckAtMs: number;
  probing: boolean;
}

export class Membership {
  readonly health = new LocalHealth();
  readonly #config: GossipConfig;
  readonly #random: Random;
  readonly #others = new Map<string, Entry>();
  readonly #order: ProbeOrder;
  #self: Member;
  #voice: Voice = 'speaking';
  /** Addresses, not ours, at which others believe us alive. */
  #rivals: string[] = [];
  #changes: MemberChange[] = [];
  #probeAtMs = 0;
  #reconnectAtMs = 0;
  #rivalAtMs = 0;
  /** Sum of all freezes so far; suspicions count from their own start of it. */
  #frozenMs = 0;

  constructor(self: Member, config: GossipConfig, random: Random) {
    this.#self = self;
    this.#config = config;
    this.#random = random;
    this.#order = new ProbeOrder(random);
  }

  get self(): Member {
    return this.#self;
  }

  /** All that are known, self included. */
  members(): Member[] {
    return [this.#self, ...[...this.#others.values()].map((entry) => entry.member)];
  }

  get(id: string): Member | undefined {
    return id === this.#self.id ? this.#self : this.#others.get(id)?.member;
  }

  /** Others that are alive or suspect. */
  live(): Member[] {
    return [...this.#others.values()].map((entry) => entry.member).filter(isLive);
  }

  get isSilent(): boolean {
    return this.#voice === 'silent';
  }

  silence(): void {
    this.#voice = 'silent';
  }

  /** From here on we say that we are alive, above all that was said of us. */
  speak(): void {
    if (this.#voice !== 'silent') return;
    this.#voice = 'speaking';
    this.#changeSelf({ ...this.#self });
  }

  yield(): void {
    if (this.#voice === 'speaking') this.#voice = 'yielding';
  }

  /** Addresses heard since the last call. */
  takeRivals(): string[] {
    return this.#rivals.splice(0);
  }

  /** What happened since the last call, to tell listeners and to pass on. */
  takeChanges(): MemberChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  receive(statements: readonly Member[], nowMs: number): void {
    for (const statement of statements) {
      if (!isPlausible(statement)) continue;
      if (statement.id === this.#self.id) this.#hearOfSelf(statement, nowMs);
      else this.#hearOf(statement, nowMs);
    }
  }

  /** Says good-bye; from here on nothing is refuted. */
  leave(): void {
    this.#changeSelf({ ...this.#self, state: 'left' });
  }

  tick(nowMs: number): Probe[] {
    const frozenMs = this.health.beat(nowMs, this.#config.tickMs);
    if (frozenMs > 0) this.#frozenMs += frozenMs;
    this.#expire(nowMs);
    if (this.#self.state === 'left') return [];
    return [...this.#regularProbe(nowMs), ...this.#rechecks(nowMs), ...this.#reconnects(nowMs)];
  }

  finishProbe(probe: Probe, result: ProbeResult, nowMs: number): void {
    const entry = this.#others.get(probe.target.id);
    if (entry === undefined) return;
    entry.probing = false;
    if (result.outcome !== 'failed') {
      this.health.better();
      if (result.outcome === 'indirect') entry.suspicion?.doubt();
      return;
    }
    // Whatever a frozen member did not hear, it does not hold against others.
    if (this.health.frozeSince(probe.startedMs, nowMs, this.#config.tickMs)) return;
    if (!result.refused && !result.relaysAnswered && isLive(probe.target)) this.health.worse();
    // A newer incarnation was heard of while this probe was under way.
    if (entry.member.incarnation !== probe.target.incarnation) return;
    if (entry.member.state === 'suspect') entry.suspicion?.confirm();
    if (entry.member.state === 'alive') {
      this.#change(entry, { ...entry.member, state: 'suspect' }, nowMs);
    }
  }

  #hearOfSelf(statement: Member, nowMs: number): void {
    const self = this.#self;
    const elsewhere = statement.address !== self.address;
    if (self.state === 'left') return;
    if (this.#voice === 'silent') {
      if (elsewhere && isLive(statement)) this.#noteRival(statement.address);
      const incarnation = Math.min(INCARNATION_MAX, statement.incarnation + 1);
      if (incarnation > self.incarnation) this.#self = { ...self, incarnation };
      return;
    }
    if (statement.incarnation < self.incarnation) return;
    if (this.#voice === 'yielding' && elsewhere) return;
    if (elsewhere && isLive(statement)) this.#noteRival(statement.address);
    const same =
      statement.incarnation === self.incarnation &&
      statement.state === 'alive' &&
      statement.address === self.address;
    if (same) return;
    if (statement.state === 'alive') {
      // Another process may have our id. Both would raise their number for ever, so do it slowly.
      if (nowMs < this.#rivalAtMs) return;
      this.#rivalAtMs = nowMs + RIVAL_EVERY_MS;
    }
    if (statement.state !== 'alive') this.health.worse();
    const incarnation = Math.min(INCARNATION_MAX, statement.incarnation + 1);
    this.#changeSelf({ ...self, incarnation });
  }

  #noteRival(address: string): void {
    if (this.#rivals.length < RIVALS_MAX && !this.#rivals.includes(address)) {
      this.#rivals.push(address);
    }
  }

  #hearOf(statement: Member, nowMs: number): void {
    const entry = this.#others.get(statement.id);
    if (entry !== undefined) {
      if (overrides(statement, entry.member)) this.#change(entry, statement, nowMs);
      return;
    }
    // An unknown member's death is no news; believing it would bring the reaped back for ever.
    if (!isLive(statement) || this.#others.size >= this.#config.membersMax - 1) return;
    const fresh: Entry = {
      member: statement,
      changedMs: nowMs,
      suspicion: undefined,
      recheckAtMs: 0,
      probing: false,
    };
    this.#others.set(statement.id, fresh);
    this.#enter(fresh, nowMs);
    this.#changes.push({ member: statement, previous: undefined });
  }

  #change(entry: Entry, member: Member, nowMs: number): void {
    const previous = entry.member;
    entry.member = member;
    entry.changedMs = nowMs;
    this.#enter(entry, nowMs);
    this.#changes.push({ member, previous });
  }

  #enter(entry: Entry, nowMs: number): void {
    entry.suspicion = undefined;
    if (entry.member.state !== 'suspect') return;
    entry.suspicion = new Suspicion(
      {
        multiplier: this.#config.suspicionMultiplier,
        stretch: this.#config.suspicionStretch,
        probeIntervalMs: this.#config.probeIntervalMs,
      },
      this.live().length + 1,
      // `expired` takes off all time ever frozen, so what was frozen before is put on here.
      nowMs - this.#frozenMs,
    );
    entry.recheckAtMs = nowMs + this.#config.probeIntervalMs / 2;
  }

  #changeSelf(self: Member): void {
    const previous = this.#self;
    this.#self = self;
    this.#changes.push({ member: self, previous });
  }

  #expire(nowMs: number): void {
    for (const [id, entry] of this.#others) {
      const { state } = entry.member;
      const ageMs = nowMs - entry.changedMs;
      if (entry.suspicion?.expired(nowMs, this.health.multiplier, this.#frozenMs)) {
        this.#change(entry, { ...entry.member, state: 'dead' }, nowMs);
      } else if (
        (state === 'dead' && ageMs > this.#config.deadReapMs) ||
        (state === 'left' && ageMs > this.#config.leftReapMs)
      ) {
        this.#others.delete(id);
      }
    }
  }

  #regularProbe(nowMs: number): Probe[] {
    if (nowMs < this.#probeAtMs) return [];
    this.#probeAtMs = nowMs + this.#config.probeIntervalMs * this.health.multiplier;
    const candidates = new Set(this.live().map((member) => member.id));
    const id = this.#order.next(candidates);
    const entry = id === undefined ? undefined : this.#others.get(id);
    return entry === undefined || entry.probing ? [] : [this.#probe(entry, nowMs)];
  }

  /** Suspects are asked again each interval: a chance to refute, and evidence if they do not. */
  #rechecks(nowMs: number): Probe[] {
    const due = [...this.#others.values()].filter(
      (entry) => entry.member.state === 'suspect' && !entry.probing && nowMs >= entry.recheckAtMs,
    );
    return shuffled(this.#random, due)
      .slice(0, this.#config.indirectProbes + 1)
      .map((entry) => this.#probe(entry, nowMs));
  }

  /** One dead member at a time is tried, or a partition would never be seen to heal. */
  #reconnects(nowMs: number): Probe[] {
    if (nowMs < this.#reconnectAtMs) return [];
    this.#reconnectAtMs =
      nowMs + this.#config.reconnectIntervalMs * (0.75 + this.#random.float() / 2);
    const dead = [...this.#others.values()].filter(
      (entry) => entry.member.state === 'dead' && !entry.probing,
    );
    const entry = dead[this.#random.integer(dead.length)];
    return entry === undefined ? [] : [{ ...this.#probe(entry, nowMs), relays: [] }];
  }

  #probe(entry: Entry, nowMs: number): Probe {
    const { multiplier } = this.health;
    entry.probing = true;
    entry.recheckAtMs = nowMs + this.#config.probeIntervalMs * multiplier;
    // Gateways may come and go at any time and are never relied on.
    const relays = this.live().filter(
      (member) =>
        member.role === 'node' && member.state === 'alive' && member.id !== entry.member.id,
    );
    return {
      target: entry.member,
      relays: shuffled(this.#random, relays).slice(0, this.#config.indirectProbes),
      timeoutMs: this.#config.probeTimeoutMs * multiplier,
      indirectTimeoutMs: this.#config.indirectTimeoutMs * multiplier,
      startedMs: nowMs,
    };
  }
}
