/**
 * Who has our id (sans-I/O). Two processes with one id would overwrite each other's
 * address and announcement for ever, so a process that starts says nothing of itself
 * until it knows that no other is alive under its id, and waits while one is: that
 * is how a new process takes over from the old one that it replaces. The one that
 * is there already is never disturbed. Refused: letting the newest win at once, which
 * would make a stray second daemon an outage of the first.
 */

export interface Rival {
  readonly address: string;
  readonly process: bigint;
  readonly startedAtMs: number;
}

export type IdState =
  /** Nobody has told us yet whether another has it. */
  | { readonly kind: 'asking' }
  /** Another process is alive under it. */
  | { readonly kind: 'waiting'; readonly rival: Rival; readonly untilMs: number }
  | { readonly kind: 'held' }
  /** We are leaving: whoever comes may have it. */
  | { readonly kind: 'yielded' }
  /** The other outlived our patience. Final. */
  | { readonly kind: 'lost'; readonly rival: Rival };

export type CheckOutcome =
  /** Nothing listens there, or somebody else does. */
  | { readonly kind: 'nobody' }
  /** No answer in time: it may be gone, or slow. */
  | { readonly kind: 'silent' }
  /** Our own process, under another address. */
  | { readonly kind: 'ours' }
  | {
      readonly kind: 'other';
      readonly process: bigint;
      readonly startedAtMs: number;
      /** It does not hold the id itself. */
      readonly yields: boolean;
    };

export interface IdTerms {
  readonly process: bigint;
  readonly startedAtMs: number;
  /** How long the older may take to end. */
  readonly waitMs: number;
  readonly checkEveryMs: number;
}

/** A mesh that does not answer must not keep us from saying who we are. */
const ASK_MS_MAX = 3000;
/** Addresses that are said to be ours, looked at in turn; more are not looked at. */
const SUSPECTS_MAX = 8;
/** Silences in a row after which nobody is thought to be there. */
const SILENCES_MAX = 3;

interface Suspect {
  silences: number;
  checking: boolean;
  nextMs: number;
}

export class IdClaim {
  readonly #terms: IdTerms;
  readonly #suspects = new Map<string, Suspect>();
  readonly #askUntilMs: number;
  #answered = false;
  #quietUntilMs = 0;
  #state: IdState;

  /** `alone`: there is nobody to ask. */
  constructor(terms: IdTerms, alone: boolean, nowMs: number) {
    this.#terms = terms;
    this.#askUntilMs = nowMs + ASK_MS_MAX;
    this.#state = alone ? { kind: 'held' } : { kind: 'asking' };
  }

  get state(): IdState {
    return this.#state;
  }

  /** Somebody said that we are alive at an address that is not ours. */
  heard(address: string, nowMs: number): void {
    if (this.#state.kind === 'yielded' || this.#state.kind === 'lost') return;
    if (this.#state.kind === 'held' && nowMs < this.#quietUntilMs) return;
    if (this.#suspects.has(address) || this.#suspects.size >= SUSPECTS_MAX) return;
    this.#suspects.set(address, { silences: 0, checking: false, nextMs: nowMs });
  }

  /** Another member told us all that it knows, or there is none that answers. */
  answered(nowMs: number): void {
    this.#answered = true;
    this.#settle(nowMs);
  }

  yield(): void {
    if (this.#state.kind !== 'lost') this.#state = { kind: 'yielded' };
    this.#suspects.clear();
  }

  /** Addresses to ask who is there; each must be answered by `checked`. */
  tick(nowMs: number): string[] {
    if (this.#state.kind === 'waiting' && nowMs >= this.#state.untilMs) {
      this.#state = { kind: 'lost', rival: this.#state.rival };
      this.#suspects.clear();
    }
    this.#settle(nowMs);
    const due = [...this.#suspects].filter(([, one]) => !one.checking && nowMs >= one.nextMs);
    for (const [, suspect] of due) suspect.checking = true;
    return due.map(([address]) => address);
  }

  checked(address: string, outcome: CheckOutcome, nowMs: number): void {
    const suspect = this.#suspects.get(address);
    if (suspect === undefined) return;
    suspect.checking = false;
    suspect.nextMs = nowMs + this.#terms.checkEveryMs;
    if (outcome.kind === 'silent' && ++suspect.silences < SILENCES_MAX) return;
    if (outcome.kind !== 'other' || outcome.yields || !this.#givesWayTo(outcome)) {
      this.#suspects.delete(address);
      this.#quietUntilMs = nowMs + this.#terms.checkEveryMs;
      this.#settle(nowMs);
      return;
    }
    suspect.silences = 0;
    const { process, startedAtMs } = outcome;
    const untilMs =
      this.#state.kind === 'waiting' ? this.#state.untilMs : nowMs + this.#terms.waitMs;
    this.#state = { kind: 'waiting', rival: { address, process, startedAtMs }, untilMs };
  }

  /** Who has it already keeps it; between two that both have it, the younger goes. */
  #givesWayTo(other: { readonly process: bigint; readonly startedAtMs: number }): boolean {
    if (this.#state.kind !== 'held') return true;
    const { process, startedAtMs } = this.#terms;
    if (other.startedAtMs !== startedAtMs) return other.startedAtMs < startedAtMs;
    return other.process < process;
  }

  #settle(nowMs: number): void {
    const { kind } = this.#state;
    if (this.#suspects.size > 0 || (kind !== 'asking' && kind !== 'waiting')) return;
    if (kind === 'waiting' || this.#answered || nowMs >= this.#askUntilMs) {
      this.#state = { kind: 'held' };
    }
  }
}
