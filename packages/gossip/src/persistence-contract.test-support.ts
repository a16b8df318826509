import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from './member.ts';
import type { RecordPersistence, StoredRecord } from './persistence.ts';

/** What every `RecordPersistence` must do; `reopen` gives a new one over the same storage. */
export interface PersistenceFactory {
  readonly name: string;
  create(): Promise<{
    readonly persistence: RecordPersistence;
    reopen(): Promise<RecordPersistence>;
    destroy(): Promise<void>;
  }>;
}

const stored = (key: string, revision: bigint, text: string): StoredRecord => ({
  key,
  revision,
  envelope: new TextEncoder().encode(text),
});

const plain = (records: readonly StoredRecord[]) =>
  records
    .map((record) => `${record.key}@${record.revision}=${Buffer.from(record.envelope)}`)
    .sort();

export function persistenceContract({ name, create }: PersistenceFactory): void {
  const holds = (title: string, run: (made: Awaited<ReturnType<typeof create>>) => Promise<void>) =>
    test(`${name}: ${title}`, async () => {
      const made = await create();
      try {
        await run(made);
      } finally {
        await made.destroy();
      }
    });

  holds('starts empty', async ({ persistence }) => {
    const state = await persistence.open();
    assert.deepEqual(state, { records: [], announcements: [], members: [], incarnation: 0 });
  });

  holds('keeps the newest of each key, whatever the order', async ({ persistence, reopen }) => {
    await persistence.open();
    await persistence.append(stored('a', 2n, 'new'));
    await persistence.append(stored('a', 1n, 'old'));
    await persistence.append(stored('ключ', 1n, 'x'));
    await persistence.append(stored('tie', 5n, 'aa'));
    await persistence.append(stored('tie', 5n, 'bb'));
    await persistence.append(stored('tie', 5n, 'ab'));
    await persistence.close();
    const { records } = await (await reopen()).open();
    assert.deepEqual(plain(records), ['a@2=new', 'tie@5=bb', 'ключ@1=x'].sort());
  });

  holds('removes up to a revision', async ({ persistence, reopen }) => {
    await persistence.open();
    await persistence.append(stored('a', 3n, 'kept'));
    await persistence.append(stored('b', 3n, 'gone'));
    await persistence.remove('a', 2n);
    await persistence.remove('b', 3n);
    await persistence.remove('never-there', 3n);
    await persistence.close();
    const { records } = await (await reopen()).open();
    assert.deepEqual(plain(records), ['a@3=kept']);
  });

  holds('keeps members, announcements and incarnation', async ({ persistence, reopen }) => {
    await persistence.open();
    const member: Member = {
      id: 'fra-1',
      role: 'gateway',
      address: 'h:1',
      pop: 'fra',
      state: 'suspect',
      incarnation: 7,
    };
    await Promise.all([
      persistence.saveMembers([]),
      persistence.saveMembers([member]),
      persistence.saveIncarnation(41),
      persistence.saveIncarnation(42),
      persistence.saveAnnouncements([stored('node/fra-1', 9n, 'hi')]),
    ]);
    await persistence.close();
    const state = await (await reopen()).open();
    assert.deepEqual(state.members, [member]);
    assert.equal(state.incarnation, 42);
    assert.deepEqual(plain(state.announcements), ['node/fra-1@9=hi']);
  });

  holds('refuses every write when closed', async ({ persistence }) => {
    await persistence.open();
    await persistence.close();
    for (const write of [
      () => persistence.append(stored('a', 1n, 'x')),
      () => persistence.remove('a', 1n),
      () => persistence.saveIncarnation(1),
      () => persistence.saveMembers([]),
      () => persistence.saveAnnouncements([]),
    ]) {
      await assert.rejects(write(), { code: 'unavailable' });
    }
  });

  holds('takes many at once', async ({ persistence, reopen }) => {
    await persistence.open();
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => persistence.append(stored(`k${i}`, 1n, `v${i}`))),
    );
    await persistence.close();
    assert.equal((await (await reopen()).open()).records.length, 500);
  });
}
