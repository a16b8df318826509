import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, PopmeshError } from '@popmesh/contracts';
import { z } from 'zod';
import { readFileOrNothing, writeFileAtomically } from './atomic-file.ts';
import type { Member } from './member.ts';
import type { RecordPersistence, StoredState } from './persistence.ts';
import { decodeFrames, encodeFrame } from './record-frames.ts';
import { RecordLog } from './record-log.ts';

/** A folder of its own: records.log, records.snapshot, announcements.cache, members.json, incarnation. */

const membersSchema = z.array(
  z.object({
    id: z.string(),
    role: z.enum(['node', 'gateway']),
    address: z.string(),
    pop: z.string(),
    state: z.enum(['alive', 'suspect', 'dead', 'left']),
    incarnation: z.int().min(0),
  }),
);

export interface DiskPersistenceOptions {
  /** Created when missing; nobody else may write in it. */
  readonly directory: string;
  readonly logger: Logger;
}

export function diskPersistence({ directory, logger }: DiskPersistenceOptions): RecordPersistence {
  const file = (name: string): string => join(directory, name);
  const log = new RecordLog({ log: file('records.log'), snapshot: file('records.snapshot') });
  // Small files are replaced one after another, or two writers would share one temporary name;
  // and not after the close, when another store may have the folder already.
  let writes: Promise<void> = Promise.resolve();
  let closed = false;
  const replace = async (name: string, content: Uint8Array | string): Promise<void> => {
    if (closed) throw new PopmeshError('unavailable', 'the record store is closed');
    const written = writes.then(() => writeFileAtomically(file(name), content));
    writes = written.catch(() => {});
    return written.catch((cause) => {
      throw new PopmeshError('storage_failed', `cannot write ${file(name)}`, { cause });
    });
  };

  const readMembers = async (): Promise<Member[]> => {
    const text = (await readFileOrNothing(file('members.json'))).toString('utf8');
    if (text === '') return [];
    try {
      return membersSchema.parse(JSON.parse(text));
    } catch (error) {
      logger.warn('the stored member list is damaged and was ignored', { error: String(error) });
      return [];
    }
  };

  return {
    async open(): Promise<StoredState> {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const { records, damagedBytes } = await log.open();
      if (damagedBytes > 0) logger.warn('damaged bytes in the record log', { damagedBytes });
      const stored = (await readFileOrNothing(file('incarnation'))).toString('utf8').trim();
      return {
        records,
        announcements: decodeFrames(await readFileOrNothing(file('announcements.cache'))).records,
        members: await readMembers(),
        // A damaged number counts as none: peers will tell us the one to go above.
        incarnation: /^\d{1,15}$/.test(stored) ? Number(stored) : 0,
      };
    },
    append: (record) => log.append(record),
    remove: (key, revision) => log.append({ key, revision, envelope: new Uint8Array() }),
    saveIncarnation: (incarnation) => replace('incarnation', `${incarnation}\n`),
    saveMembers: (members) => replace('members.json', JSON.stringify(members)),
    saveAnnouncements: (records) =>
      replace('announcements.cache', Buffer.concat(records.map(encodeFrame))),
    async close() {
      closed = true;
      await writes;
      await log.close();
    },
  };
}
