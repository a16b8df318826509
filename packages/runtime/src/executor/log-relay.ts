import type { ExecutorLog } from './control.ts';

/** Lines wait here for the next report; beyond the bound the newest are dropped and counted. */
export class LogRelay {
  static readonly entriesMax = 2_000;
  #entries: ExecutorLog[] = [];
  #dropped = 0;

  add(entry: ExecutorLog): void {
    if (this.#entries.length < LogRelay.entriesMax) this.#entries.push(entry);
    else this.#dropped++;
  }

  take(): { entries: ExecutorLog[]; dropped: number } | undefined {
    if (this.#entries.length === 0 && this.#dropped === 0) return undefined;
    const out = { entries: this.#entries, dropped: this.#dropped };
    this.#entries = [];
    this.#dropped = 0;
    return out;
  }
}
