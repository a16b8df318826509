import { type Logger, type OpaqueRecord, PopmeshError } from '@popmesh/contracts';
import type { Member } from './member.ts';
import type { RecordPersistence, StoredState } from './persistence.ts';

/**
 * Keeps on disk what is good to have after a restart but worth no fsync per
 * change: the member list, the announcements, and our incarnation after a
 * refutation. A disk that refuses is logged and tried again with the next change.
 */

const MEMBERS_EVERY_MS = 1000;
const ANNOUNCEMENTS_EVERY_MS = 5000;

export interface SavedView {
  readonly members: () => readonly Member[];
  readonly announcements: () => readonly OpaqueRecord[];
  readonly incarnation: () => number;
}

export class StateSaver {
  readonly #persistence: RecordPersistence;
  readonly #view: SavedView;
  readonly #logger: Logger;
  #membersDirty = false;
  #announcementsDirty = false;
  #membersAtMs = 0;
  #announcementsAtMs = 0;
  #savedIncarnation: number;
  #saving = false;

  constructor(persistence: RecordPersistence, view: SavedView, logger: Logger) {
    this.#persistence = persistence;
    this.#view = view;
    this.#logger = logger;
    this.#savedIncarnation = view.incarnation();
  }

  membersChanged(): void {
    this.#membersDirty = true;
  }

  announcementsChanged(): void {
    this.#announcementsDirty = true;
  }

  /** Saves what is due; one save at a time, or a disk that hangs would gather them without a bound. */
  async tick(nowMs: number): Promise<void> {
    if (this.#saving) return;
    const members = this.#membersDirty && nowMs - this.#membersAtMs >= MEMBERS_EVERY_MS;
    const announcements =
      this.#announcementsDirty && nowMs - this.#announcementsAtMs >= ANNOUNCEMENTS_EVERY_MS;
    if (members) this.#membersAtMs = nowMs;
    if (announcements) this.#announcementsAtMs = nowMs;
    if (members || announcements) await this.#save(members, announcements);
  }

  /** Everything, for a stop. */
  flush(): Promise<void> {
    return this.#save(this.#membersDirty, this.#announcementsDirty);
  }

  async #save(members: boolean, announcements: boolean): Promise<void> {
    this.#saving = true;
    try {
      const incarnation = this.#view.incarnation();
      if (incarnation !== this.#savedIncarnation) {
        await this.#persistence.saveIncarnation(incarnation);
        this.#savedIncarnation = incarnation;
      }
      if (members) {
        this.#membersDirty = false;
        await this.#persistence.saveMembers(this.#view.members());
      }
      if (announcements) {
        this.#announcementsDirty = false;
        await this.#persistence.saveAnnouncements(this.#view.announcements());
      }
    } catch (caught) {
      const { code, message } = PopmeshError.from(caught, 'storage_failed');
      this.#membersDirty ||= members;
      this.#announcementsDirty ||= announcements;
      this.#logger.warn('the gossip state could not be saved', { code, error: message });
    } finally {
      this.#saving = false;
    }
  }
}

/** What must be on disk before others hear of us. Returns the incarnation of this run. */
export async function renewState(
  persistence: RecordPersistence,
  stored: StoredState,
  unreadable: readonly string[],
  logger: Logger,
): Promise<number> {
  const incarnation = stored.incarnation + 1;
  // Without it the start goes on: peers that know a higher one will say so, and we refute.
  await persistence.saveIncarnation(incarnation).catch((error) => {
    logger.error('the incarnation could not be saved', { error: String(error) });
  });
  for (const { key, revision } of stored.records) {
    // Or it would hide what is written under its key from now on.
    if (unreadable.includes(key)) await persistence.remove(key, revision).catch(() => {});
  }
  return incarnation;
}
