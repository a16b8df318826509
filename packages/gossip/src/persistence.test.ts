import assert from 'node:assert/strict';
import {
  cp,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@popmesh/contracts';
import fc from 'fast-check';
import { diskPersistence } from './disk-persistence.ts';
import { LOG_BYTES_BEFORE_SNAPSHOT } from './limits.ts';
import { memoryPersistence } from './memory-persistence.ts';
import type { StoredRecord } from './persistence.ts';
import { persistenceContract } from './persistence-contract.test-support.ts';
import { decodeFrames, encodeFrame } from './record-frames.ts';

persistenceContract({
  name: 'memory',
  create: async () => {
    const persistence = memoryPersistence();
    return { persistence, reopen: async () => persistence, destroy: () => persistence.close() };
  },
});

persistenceContract({
  name: 'disk',
  create: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'popmesh-gossip-'));
    const opened = [diskPersistence({ directory, logger: silentLogger })];
    return {
      persistence: opened[0] as (typeof opened)[0],
      reopen: async () => {
        const again = diskPersistence({ directory, logger: silentLogger });
        opened.push(again);
        return again;
      },
      destroy: async () => {
        for (const persistence of opened) await persistence.close();
        await rm(directory, { recursive: true });
      },
    };
  },
});

async function inFolder(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'popmesh-gossip-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const record = (i: number, bytes = 20 + i): StoredRecord => ({
  key: `function/default/f${i}`,
  revision: BigInt(i + 1) << 16n,
  envelope: new Uint8Array(bytes).fill(i + 1),
});

async function readAll(directory: string): Promise<readonly StoredRecord[]> {
  const persistence = diskPersistence({ directory, logger: silentLogger });
  const { records } = await persistence.open();
  await persistence.close();
  return records;
}

test('a log cut at any byte of its last record opens, without a torn record', async () => {
  await inFolder(async (directory) => {
    const persistence = diskPersistence({ directory, logger: silentLogger });
    await persistence.open();
    const ends: number[] = [];
    for (let i = 0; i < 5; i++) {
      await persistence.append(record(i));
      ends.push((await stat(join(directory, 'records.log'))).size);
    }
    await persistence.close();
    const whole = await readFile(join(directory, 'records.log'));
    for (let cut = (ends[3] as number) - 1; cut <= whole.length; cut++) {
      const copy = `${directory}-cut`;
      await cp(directory, copy, { recursive: true });
      try {
        await truncate(join(copy, 'records.log'), cut);
        const intact = ends.filter((end) => end <= cut).length;
        const expected = Array.from({ length: intact }, (_, i) => record(i));
        assert.deepEqual(await readAll(copy), expected, `cut at ${cut}`);
        // What is appended behind a torn tail is not lost to it.
        const again = diskPersistence({ directory: copy, logger: silentLogger });
        await again.open();
        await again.append(record(9));
        await again.close();
        assert.deepEqual(await readAll(copy), [...expected, record(9)], `after a cut at ${cut}`);
      } finally {
        await rm(copy, { recursive: true });
      }
    }
  });
});

test('any damage to the bytes costs the frames it touches and never gives a false record', () => {
  const originals = Array.from({ length: 6 }, (_, i) => record(i));
  const frames = originals.map(encodeFrame);
  const bytes = Buffer.concat(frames);
  const known = new Set(originals.map((one) => JSON.stringify([one.key, [...one.envelope]])));
  fc.assert(
    fc.property(
      fc.nat(bytes.length - 1),
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      (at, noise) => {
        const damaged = Buffer.from(bytes);
        damaged.set(noise.subarray(0, damaged.length - at), at);
        const { records } = decodeFrames(damaged);
        for (const one of records) {
          assert.ok(known.has(JSON.stringify([one.key, [...one.envelope]])));
        }
        let start = 0;
        const untouched = frames.filter((frame) => {
          const end = start + frame.length;
          const hit = at < end && at + noise.length > start;
          start = end;
          return !hit;
        });
        assert.ok(records.length >= untouched.length);
      },
    ),
    { numRuns: 300 },
  );
});

test('arbitrary bytes in any file never keep a store from opening', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
      await inFolder(async (directory) => {
        for (const name of [
          'records.log',
          'records.snapshot',
          'announcements.cache',
          'members.json',
          'incarnation',
        ]) {
          await writeFile(join(directory, name), noise);
        }
        assert.deepEqual(await readAll(directory), []);
      });
    }),
    { numRuns: 20 },
  );
});

test('a long log is folded into a snapshot, and dying between the two steps loses nothing', async () => {
  await inFolder(async (directory) => {
    const persistence = diskPersistence({ directory, logger: silentLogger });
    await persistence.open();
    const bytes = 256 * 1024;
    const rounds = Math.ceil(LOG_BYTES_BEFORE_SNAPSHOT / bytes) + 2;
    let before = Buffer.alloc(0);
    for (let i = 0; i < rounds; i++) {
      if (i === 4) before = await readFile(join(directory, 'records.log'));
      await persistence.append({ ...record(0, bytes), revision: BigInt(i + 1) });
    }
    await persistence.close();
    const log = await stat(join(directory, 'records.log'));
    assert.ok(log.size < LOG_BYTES_BEFORE_SNAPSHOT / 2, `${log.size}`);
    // As if the log had not been emptied after the snapshot was in place.
    await writeFile(join(directory, 'records.log'), before);
    const [only] = await readAll(directory);
    assert.ok((only?.revision ?? 0n) >= BigInt(rounds - 2));
  });
});

test('a disk that fails refuses with storage_failed, and is used again when it is back', async () => {
  await inFolder(async (directory) => {
    const persistence = diskPersistence({ directory, logger: silentLogger });
    await persistence.open();
    await persistence.append(record(0));
    // A damaged log must be folded before the next append, and this stands in the way of it.
    await persistence.close();
    await truncate(join(directory, 'records.log'), 10);
    await writeFile(join(directory, 'blocker'), '');
    const again = diskPersistence({ directory, logger: silentLogger });
    await again.open();
    await cp(join(directory, 'blocker'), join(directory, 'records.snapshot.tmp', 'x'), {
      recursive: true,
    });
    await assert.rejects(again.append(record(1)), { code: 'storage_failed' });
    await rm(join(directory, 'records.snapshot.tmp'), { recursive: true, force: true });
    await again.append(record(2));
    await again.close();
    assert.deepEqual(await readAll(directory), [record(2)]);
  });
});

test('a close during the open leaves no file open', {
  skip: process.platform === 'linux' ? false : 'looks into /proc',
}, async () => {
  await inFolder(async (directory) => {
    const persistence = diskPersistence({ directory, logger: silentLogger });
    const opened = persistence.open().catch(() => {});
    await Promise.all([opened, persistence.close()]);
    const again = diskPersistence({ directory, logger: silentLogger });
    await again.open();
    const closed = again.close();
    await Promise.all([closed, again.close()]);
    const descriptors = await readdir('/proc/self/fd');
    const paths = await Promise.all(
      descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    assert.deepEqual(
      paths.filter((path) => path.startsWith(directory)),
      [],
    );
  });
});
