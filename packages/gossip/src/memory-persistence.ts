import { PopmeshError } from '@popmesh/contracts';
import type { Member } from './member.ts';
import {
  isNewer,
  type RecordPersistence,
  type StoredRecord,
  type StoredState,
} from './persistence.ts';

/** Survives as long as the object does: a simulated disk is one that is opened again. */
export function memoryPersistence(): RecordPersistence {
  const records = new Map<string, StoredRecord>();
  let announcements: readonly StoredRecord[] = [];
  let members: readonly Member[] = [];
  let incarnation = 0;
  let open = false;
  const mustBeOpen = (): void => {
    if (!open) throw new PopmeshError('unavailable', 'the record store is closed');
  };
  return {
    async open(): Promise<StoredState> {
      open = true;
      return { records: [...records.values()], announcements, members, incarnation };
    },
    async append(record) {
      mustBeOpen();
      const held = records.get(record.key);
      if (held === undefined || isNewer(record, held)) records.set(record.key, record);
    },
    async remove(key, revision) {
      mustBeOpen();
      if ((records.get(key)?.revision ?? revision + 1n) <= revision) records.delete(key);
    },
    async saveIncarnation(value) {
      mustBeOpen();
      incarnation = value;
    },
    async saveMembers(value) {
      mustBeOpen();
      members = value;
    },
    async saveAnnouncements(value) {
      mustBeOpen();
      announcements = value;
    },
    async close() {
      open = false;
    },
  };
}
