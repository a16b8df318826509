import { type OpaqueRecord, type Random, shuffled } from '@popmesh/contracts';
import {
  PUSH_RECORD_BYTES_MAX,
  RUMOR_BYTES_MAX,
  RUMORS_MAX,
  UPDATES_PER_MESSAGE_MAX,
} from './limits.ts';
import type { Member } from './member.ts';

/**
 * What is news, and who is still to be told (sans-I/O). Member updates ride on
 * every message a bounded number of times, least told first (SWIM). Records are
 * rumours with feedback: each member that applied one tells three others that
 * are not known to have it, at once and for a few rounds more. Refused: a
 * broadcast tree, which one dead member breaks, and the origin telling all,
 * which one slow uplink delays.
 */

interface Update {
  readonly member: Member;
  told: number;
}

interface Rumor {
  readonly record: OpaqueRecord;
  /** Delivered it to us, or acknowledged it. */
  readonly holders: Set<string>;
  rounds: number;
}

export interface Push {
  readonly target: Member;
  readonly records: readonly OpaqueRecord[];
}

export class Dissemination {
  readonly #random: Random;
  readonly #updates = new Map<string, Update>();
  /** In order of arrival, newest revision per key. */
  readonly #rumors = new Map<string, Rumor>();
  #rumorBytes = 0;
  /** Rumours given up because the queue was full. */
  dropped = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get pendingUpdates(): number {
    return this.#updates.size;
  }

  get pendingRecords(): number {
    return this.#rumors.size;
  }

  addUpdate(member: Member): void {
    this.#updates.set(member.id, { member, told: 0 });
  }

  addRecord(record: OpaqueRecord): void {
    this.#drop(record.key);
    this.#rumors.set(record.key, { record, holders: new Set(), rounds: 0 });
    this.#rumorBytes += record.envelope.length;
    for (const oldest of this.#rumors.keys()) {
      if (this.#rumors.size <= RUMORS_MAX && this.#rumorBytes <= RUMOR_BYTES_MAX) break;
      this.#drop(oldest);
      this.dropped += 1;
    }
  }

  /** `id` is known to hold this revision of the key. */
  markHolder(key: string, revision: bigint, id: string): void {
    const rumor = this.#rumors.get(key);
    if (rumor !== undefined && rumor.record.revision <= revision) rumor.holders.add(id);
  }

  /** Updates for one message, each told at most 3 × log2(members) times. */
  takeUpdates(liveMembers: number): Member[] {
    if (this.#updates.size === 0) return [];
    const toldMax = 3 * Math.ceil(Math.log2(liveMembers + 2));
    const chosen = [...this.#updates.values()]
      .sort((a, b) => a.told - b.told)
      .slice(0, UPDATES_PER_MESSAGE_MAX);
    for (const update of chosen) {
      update.told += 1;
      if (update.told >= toldMax) this.#updates.delete(update.member.id);
    }
    return chosen.map((update) => update.member);
  }

  /** Records that `id` is not known to have, oldest first. */
  recordsFor(id: string, bytesMax: number): OpaqueRecord[] {
    const chosen: OpaqueRecord[] = [];
    let bytes = 0;
    for (const { record, holders } of this.#rumors.values()) {
      if (holders.has(id)) continue;
      bytes += record.envelope.length;
      if (bytes > bytesMax && chosen.length > 0) break;
      if (bytes > bytesMax) return [];
      chosen.push(record);
    }
    return chosen;
  }

  /** One round: whom to push to now. `busy` are being pushed to already. */
  round(live: readonly Member[], fanOut: number, busy: ReadonlySet<string> = new Set()): Push[] {
    const free = live.filter((member) => !busy.has(member.id));
    const lacking = free.map((target) => ({
      target,
      records: this.recordsFor(target.id, PUSH_RECORD_BYTES_MAX),
    }));
    const wanted = lacking.filter((push) => push.records.length > 0 || this.#updates.size > 0);
    // Those that lack records first, each kind in random order.
    const chosen = shuffled(this.#random, wanted)
      .sort((a, b) => Number(b.records.length > 0) - Number(a.records.length > 0))
      .slice(0, fanOut);
    const told = new Set(chosen.flatMap((push) => push.records.map((record) => record.key)));
    const roundsMax = 1 + Math.ceil(Math.log2(live.length + 2) / 1.5);
    for (const [key, rumor] of this.#rumors) {
      if (told.has(key)) rumor.rounds += 1;
      const known = live.length > 0 && live.every((member) => rumor.holders.has(member.id));
      if (rumor.rounds >= roundsMax || known) this.#drop(key);
    }
    return chosen;
  }

  #drop(key: string): void {
    const rumor = this.#rumors.get(key);
    if (rumor === undefined) return;
    this.#rumors.delete(key);
    this.#rumorBytes -= rumor.record.envelope.length;
  }
}
