import { LOCAL_HEALTH_MAX } from './limits.ts';

/**
 * Lifeguard's first idea: a member that hears nothing should doubt itself first.
 * Each sign that we are the slow one (no answer from the relays either, others
 * suspect us, our event loop froze) slows our probes; each good probe undoes one.
 * The freeze is measured: a heartbeat that comes late says by how much.
 */
export class LocalHealth {
  #score = 0;
  #lastBeatMs: number | undefined;
  #frozeAtMs = Number.NEGATIVE_INFINITY;

  /** 1 when well, up to 1 + LOCAL_HEALTH_MAX. */
  get multiplier(): number {
    return 1 + this.#score;
  }

  worse(): void {
    this.#score = Math.min(LOCAL_HEALTH_MAX, this.#score + 1);
  }

  better(): void {
    this.#score = Math.max(0, this.#score - 1);
  }

  /** Call at each heartbeat; returns by how much too late it came, 0 for the usual noise. */
  beat(nowMs: number, intervalMs: number): number {
    const lateMs = nowMs - (this.#lastBeatMs ?? nowMs - intervalMs) - intervalMs;
    this.#lastBeatMs = nowMs;
    if (lateMs < 2 * intervalMs) return 0;
    this.#frozeAtMs = nowMs;
    this.worse();
    return lateMs;
  }

  /**
   * Whether the event loop froze since then. Also when the heartbeat that would
   * tell has not run yet: after a freeze the timers fire in any order.
   */
  frozeSince(sinceMs: number, nowMs: number, intervalMs: number): boolean {
    const overdue = this.#lastBeatMs !== undefined && nowMs - this.#lastBeatMs > 3 * intervalMs;
    return overdue || this.#frozeAtMs >= sinceMs;
  }
}
