import { isDurableKey } from '@popmesh/protocol';
import { isLive, type Member } from './member.ts';
import type { GossipRecordTable } from './record-table.ts';

/** Announcements (`node/<id>`, `gateway/<id>`) live a while longer than their member (sans-I/O). */

/** Often enough for minutes, and seldom enough to cost nothing. */
const LOOK_EVERY_MS = 1000;

const ownerOf = (key: string): string => key.slice(key.indexOf('/') + 1);

export class AnnouncementKeeper {
  readonly #keepMs: number;
  /** Since when the owner has been gone. */
  readonly #orphanedMs = new Map<string, number>();
  #lookAtMs = 0;

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** Those to forget now. */
  overdue(
    table: Pick<GossipRecordTable, 'list'>,
    memberOf: (id: string) => Member | undefined,
    nowMs: number,
  ): { key: string; revision: bigint }[] {
    if (nowMs < this.#lookAtMs) return [];
    this.#lookAtMs = nowMs + LOOK_EVERY_MS;
    const overdue: { key: string; revision: bigint }[] = [];
    for (const { key, revision } of [...table.list('gateway/'), ...table.list('node/')]) {
      const member = memberOf(ownerOf(key));
      if (member !== undefined && isLive(member)) {
        this.#orphanedMs.delete(key);
        continue;
      }
      const sinceMs = this.#orphanedMs.get(key) ?? nowMs;
      this.#orphanedMs.set(key, sinceMs);
      if (nowMs - sinceMs < this.#keepMs) continue;
      this.#orphanedMs.delete(key);
      overdue.push({ key, revision });
    }
    return overdue;
  }
}

export const announcementsOf = (table: Pick<GossipRecordTable, 'list'>) =>
  table.list('').filter((record) => !isDurableKey(record.key));
