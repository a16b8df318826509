import { compareBytes } from '@popmesh/contracts';
import type { Member } from './member.ts';

/**
 * What survives a restart. Two implementations, one contract suite
 * (`persistence-contract.test-support.ts`): a folder, and memory for tests and tools.
 */

export interface StoredRecord {
  readonly key: string;
  readonly revision: bigint;
  readonly envelope: Uint8Array;
}

export interface StoredState {
  /** Durable records, the newest of each key. */
  readonly records: readonly StoredRecord[];
  /** Last known announcements; best-effort. */
  readonly announcements: readonly StoredRecord[];
  readonly members: readonly Member[];
  /** 0 when there never was one. */
  readonly incarnation: number;
}

export interface RecordPersistence {
  /** Never refuses because of what it reads: damage is skipped, counted and logged. */
  open(): Promise<StoredState>;
  /** On disk when it resolves. After `storage_failed` it is not held, but a crash may yet bring it up. */
  append(record: StoredRecord): Promise<void>;
  /** Forgets a key, unless it has a higher revision by now. */
  remove(key: string, revision: bigint): Promise<void>;
  /** On disk when it resolves. */
  saveIncarnation(incarnation: number): Promise<void>;
  /** Whole and replaced at once; losing the latest costs nothing but time. */
  saveMembers(members: readonly Member[]): Promise<void>;
  saveAnnouncements(records: readonly StoredRecord[]): Promise<void>;
  /** After it nothing is written. */
  close(): Promise<void>;
}

/** The order of `mergeRecord`, for records whose payload is not at hand. */
export function isNewer(incoming: StoredRecord, held: StoredRecord): boolean {
  if (incoming.revision !== held.revision) return incoming.revision > held.revision;
  return compareBytes(incoming.envelope, held.envelope) > 0;
}
