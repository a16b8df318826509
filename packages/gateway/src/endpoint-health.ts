import type { Random } from '@popmesh/contracts';

/**
 * Whether one data plane gets traffic. Sans-I/O: events and `now` in, state out.
 *
 * A connect error or reset ejects at once. The first return needs one good probe
 * only; who falls again soon after stays out 1 s × 2ⁿ more, so that a flapping
 * link changes state less and less often. Refused: a fixed ejection time, because
 * it is too long for an executor that was respawned in 100 ms and too short for
 * a link that flaps.
 */

export type HealthState = 'healthy' | 'suspect' | 'ejected';

/** `slow`: answers, but later than a suspect is given. `silent`: nothing in time. */
export type ProbeOutcome = 'alive' | 'slow' | 'silent' | 'refused';

export interface HealthTimes {
  readonly probeIntervalMs: number;
  readonly backoffMaxMs: number;
}

const BACKOFF_BASE_MS = 1_000;
/** Healthy for so long, and earlier falls are forgotten. */
const FORGIVE_AFTER_MS = 60_000;
/** A node that stays away is asked less often after this. */
const QUICK_PROBES_FOR_MS = 10_000;
const SLOW_PROBE_INTERVAL_MS = 950;

export class EndpointHealth {
  readonly #times: HealthTimes;
  readonly #random: Random;
  #state: HealthState = 'healthy';
  #falls = 0;
  #ejectedAt = 0;
  #returnedAt = Number.NEGATIVE_INFINITY;
  #heldUntil = 0;
  #nextProbeAt = 0;
  #confirmed = false;

  constructor(times: HealthTimes, random: Random) {
    this.#times = times;
    this.#random = random;
  }

  get state(): HealthState {
    return this.#state;
  }

  get available(): boolean {
    return this.#state !== 'ejected';
  }

  /** Ejected, and a probe since then failed too: not worth a try even as the last resort. */
  get confirmedDown(): boolean {
    return this.#state === 'ejected' && this.#confirmed;
  }

  /** When to probe next; undefined while nothing speaks against it. */
  get nextProbeAt(): number | undefined {
    return this.#state === 'healthy' ? undefined : this.#nextProbeAt;
  }

  /** Connect error, reset, or a failed probe of a suspect. True when this ejected it. */
  fail(now: number): boolean {
    if (this.#state === 'ejected') return false;
    if (now - this.#returnedAt > FORGIVE_AFTER_MS) this.#falls = 0;
    this.#falls += 1;
    this.#state = 'ejected';
    this.#confirmed = false;
    this.#ejectedAt = now;
    const hold =
      this.#falls === 1
        ? 0
        : Math.min(BACKOFF_BASE_MS * 2 ** (this.#falls - 2), this.#times.backoffMaxMs);
    this.#heldUntil = now + hold * (0.75 + this.#random.float() / 2);
    this.#nextProbeAt = Math.max(this.#heldUntil, now + this.#times.probeIntervalMs);
    return true;
  }

  /** Something looks wrong (a slow answer, gossip): ask the data plane itself, now. */
  suspect(now: number): void {
    if (this.#state !== 'healthy') return;
    this.#state = 'suspect';
    this.#nextProbeAt = now;
  }

  probed(outcome: ProbeOutcome, now: number): void {
    const suspect = this.#state === 'suspect';
    if (outcome === 'alive' || (suspect && outcome === 'slow')) {
      if (suspect) this.#state = 'healthy';
      else this.#readmit(now);
      return;
    }
    if (suspect) this.fail(now);
    // A suspect is probed in a hurry, so its silence is no proof; of an ejected one it is.
    this.#confirmed = outcome === 'refused' || (outcome === 'silent' && !suspect);
    const quick = now - this.#ejectedAt < QUICK_PROBES_FOR_MS;
    const interval = quick ? this.#times.probeIntervalMs : SLOW_PROBE_INTERVAL_MS;
    this.#nextProbeAt = Math.max(this.#heldUntil, now + interval);
  }

  /** An answer came: proof of life, also for an ejected one that was tried as the last resort. */
  answered(now: number): void {
    if (this.#state === 'healthy') return;
    if (this.#state === 'suspect') this.#state = 'healthy';
    else this.#readmit(now);
  }

  /** A new process or a new address: nothing old is held against it. */
  restarted(): void {
    this.#state = 'healthy';
    this.#falls = 0;
    this.#returnedAt = Number.NEGATIVE_INFINITY;
  }

  #readmit(now: number): void {
    if (this.#state !== 'ejected' || now < this.#heldUntil) return;
    this.#state = 'healthy';
    this.#returnedAt = now;
  }
}
