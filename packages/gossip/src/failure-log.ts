/**
 * Which of many failures is worth a line in the log (sans-I/O): the first of its
 * reason once it has lasted, then one a minute for as long as it does.
 */

const REPEAT_MS = 60_000;
/** Subjects remembered; the one that failed longest ago is forgotten. */
const SUBJECTS_MAX = 256;

interface Failing {
  readonly sinceMs: number;
  told: { readonly reason: string; readonly atMs: number } | undefined;
}

export class FailureLog {
  readonly #graceMs: number;
  readonly #failing = new Map<string, Failing>();

  /** What has not lasted so long is not told. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Whether to tell. `startedMs`: of the try that failed. */
  failed(subject: string, reason: string, startedMs: number, nowMs: number): boolean {
    const failing = this.#failing.get(subject) ?? { sinceMs: startedMs, told: undefined };
    this.#failing.delete(subject);
    this.#failing.set(subject, failing);
    for (const oldest of this.#failing.keys()) {
      if (this.#failing.size <= SUBJECTS_MAX) break;
      this.#failing.delete(oldest);
    }
    if (nowMs - failing.sinceMs < this.#graceMs) return false;
    const { told } = failing;
    const sameReason = told?.reason === reason;
    // A reason that changes with each try is told no more often than one that stays.
    if (told !== undefined && nowMs - told.atMs < (sameReason ? REPEAT_MS : REPEAT_MS / 12)) {
      return false;
    }
    failing.told = { reason, atMs: nowMs };
    return true;
  }

  /** Whether its failure had been told. */
  recovered(subject: string): boolean {
    const told = this.#failing.get(subject)?.told !== undefined;
    this.#failing.delete(subject);
    return told;
  }
}
