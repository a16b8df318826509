/**
 * Decides who gives memory back when the executors of this node hold too much: idle instances
 * go, the one that has been idle longest first, whosever it is, from the high mark down to the
 * low one. When nothing idle is left, further instances are refused until there is room. Pure:
 * reports in, what to ask of whom out. Refused: a limit per namespace, which would end idle
 * instances on a machine with memory to spare.
 */

export interface MemoryReport {
  readonly residentBytes: number;
  /** How long its idle instances have been idle, the longest first. */
  readonly idleMs: readonly number[];
}

export interface MemoryAsk {
  /** So many idle instances are to end. */
  readonly end: number;
  /** Whether cold starts are to be refused from now on. */
  readonly refuse: boolean;
}

/** Relief begins above the budget and ends at this share of it. */
const LOW_SHARE = 0.85;
/** At a time, of all that are idle: what they held is known only when they are gone. */
const ENDED_SHARE = 0.25;

interface Member {
  residentBytes: number;
  idleMs: readonly number[];
  refusing: boolean;
  /** Asked to end some and not heard of since: what it holds is not known. */
  asked: boolean;
}

export class MemoryBudget {
  readonly budgetBytes: number;
  readonly #members = new Map<string, Member>();
  #relieving = false;

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
  }

  get residentBytes(): number {
    let total = 0;
    for (const { residentBytes } of this.#members.values()) total += residentBytes;
    return total;
  }

  /** A process that ended: one that takes over starts with a report of its own. */
  forget(name: string): void {
    this.#members.delete(name);
  }

  report(name: string, report: MemoryReport): Map<string, MemoryAsk> {
    const { residentBytes, idleMs } = report;
    const refusing = this.#members.get(name)?.refusing ?? false;
    this.#members.set(name, { residentBytes, idleMs, refusing, asked: false });
    const total = this.residentBytes;
    if (total > this.budgetBytes) this.#relieving = true;
    else if (total <= this.budgetBytes * LOW_SHARE) this.#relieving = false;
    const members = [...this.#members];
    const isHeard = members.every(([, member]) => !member.asked);
    const ending = this.#relieving && isHeard ? this.#longestIdle() : new Map<string, number>();
    const nothingLeft = isHeard && ending.size === 0 && total > this.budgetBytes;
    const asks = new Map<string, MemoryAsk>();
    for (const [other, member] of members) {
      const end = ending.get(other) ?? 0;
      const refuse = total > this.budgetBytes && (nothingLeft || member.refusing);
      if (end === 0 && refuse === member.refusing) continue;
      member.refusing = refuse;
      member.asked = end > 0;
      asks.set(other, { end, refuse });
    }
    return asks;
  }

  #longestIdle(): Map<string, number> {
    const idle = [...this.#members].flatMap(([name, member]) =>
      member.idleMs.map((ms) => ({ name, ms })),
    );
    idle.sort((a, b) => b.ms - a.ms);
    const ending = new Map<string, number>();
    for (const { name } of idle.slice(0, Math.ceil(idle.length * ENDED_SHARE))) {
      ending.set(name, (ending.get(name) ?? 0) + 1);
    }
    return ending;
  }
}
