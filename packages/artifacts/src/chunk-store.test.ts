import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  access,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { SeededRandom } from '@popmesh/simulation';
import { chunkStorageContract, hasCode } from './chunk-storage-contract.test-support.ts';
import { ChunkStore } from './chunk-store.ts';
import { sha256Hex } from './digest.ts';
import { CHUNK_BYTES_MAX, QUARANTINED_FILES_MAX } from './limits.ts';

const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'popmesh-artifacts-'));

async function inFolder(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await folder();
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

chunkStorageContract('disk', async ({ clock, config }) => {
  const directory = await folder();
  return {
    store: await ChunkStore.open({ directory, clock, config }),
    destroy: () => rm(directory, { recursive: true, force: true }),
  };
});

const openAt = (directory: string): Promise<ChunkStore> =>
  ChunkStore.open({ directory, clock: realClock });

test('a store opened again has what was put', () =>
  inFolder(async (directory) => {
    const first = await openAt(directory);
    const digests = await Promise.all(
      [1, 2, 3].map((seed) => first.put(new SeededRandom(seed).bytes(5_000))),
    );
    const second = await openAt(directory);
    assert.deepEqual(second.list(), digests.sort());
    assert.equal(second.sizeBytes, 15_000);
  }));

test('each of 200 flipped bytes is found at load, set aside, and healed by the next put', () =>
  inFolder(async (directory) => {
    const store = await openAt(directory);
    const random = new SeededRandom(21);
    const bytes = random.bytes(40_000);
    const digest = await store.put(bytes);
    const path = join(directory, 'chunks', digest);
    for (let round = 0; round < 200; round++) {
      const damaged = bytes.slice();
      const at = random.integer(damaged.length);
      damaged[at] = (damaged[at] as number) ^ (1 << random.integer(8));
      await writeFile(path, damaged);
      const reads = await Promise.all([store.get(digest), store.get(digest)]);
      assert.deepEqual(reads, [undefined, undefined], `offset ${at}`);
      assert.equal(store.has(digest), false);
      await assert.rejects(access(path));
      assert.equal(await store.put(bytes), digest);
    }
    assert.equal(sha256Hex((await store.get(digest)) ?? new Uint8Array()), digest);
  }));

test('truncated, emptied, grown and replaced files are never given out', () =>
  inFolder(async (directory) => {
    const store = await openAt(directory);
    const bytes = new SeededRandom(22).bytes(9_000);
    const digest = await store.put(bytes);
    const path = join(directory, 'chunks', digest);
    const damages: (() => Promise<void>)[] = [
      () => truncate(path, 8_999),
      () => truncate(path, 0),
      () => truncate(path, CHUNK_BYTES_MAX + 1),
      () => rm(path),
      async () => {
        await rm(path);
        await mkdir(path);
      },
    ];
    for (const damage of damages) {
      await damage();
      assert.equal(await store.get(digest), undefined);
      assert.equal(store.sizeBytes, 0);
      await store.put(bytes);
    }
  }));

test('the quarantine keeps a bounded number of files', () =>
  inFolder(async (directory) => {
    const store = await openAt(directory);
    for (let seed = 0; seed < QUARANTINED_FILES_MAX + 5; seed++) {
      const digest = await store.put(new SeededRandom(seed).bytes(100));
      await writeFile(join(directory, 'chunks', digest), 'rotten');
      assert.equal(await store.get(digest), undefined);
    }
    const kept = await readdir(join(directory, 'quarantine'));
    assert.equal(kept.length, QUARANTINED_FILES_MAX);
  }));

test('opening does not stumble over foreign files, folders and unfinished writes', () =>
  inFolder(async (directory) => {
    const store = await openAt(directory);
    const digest = await store.put(new SeededRandom(1).bytes(100));
    await writeFile(join(directory, 'chunks', 'README'), 'not a chunk');
    await mkdir(join(directory, 'chunks', 'f'.repeat(64)));
    await writeFile(join(directory, 'writing', '0'), 'torn');
    const again = await openAt(directory);
    assert.deepEqual(again.list(), [digest]);
    assert.deepEqual(await readdir(join(directory, 'writing')), []);
    await again.put(new SeededRandom(2).bytes(100));
  }));

test('a write that fails is storage_failed, leaves nothing behind, and may succeed later', () =>
  inFolder(async (directory) => {
    const store = await openAt(directory);
    await rm(join(directory, 'writing'), { recursive: true });
    await assert.rejects(store.put(new SeededRandom(1).bytes(100)), hasCode('storage_failed'));
    assert.equal(store.sizeBytes, 0);
    await mkdir(join(directory, 'writing'));
    await store.put(new SeededRandom(1).bytes(100));
    assert.deepEqual(await readdir(join(directory, 'writing')), []);
    const opened = ChunkStore.open({ directory: '/dev/null/nowhere', clock: realClock });
    await assert.rejects(opened, hasCode('storage_failed'));
  }));

/** A mount of our own in a namespace of our own: the machine's mounts are not touched. */
const SMALL_DISK = [
  'unshare',
  '-rm',
  'sh',
  '-c',
  'mount -t tmpfs -o size=3m none "$1" && shift && "$@"',
];
const canMount =
  spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', '-o', 'size=3m', 'none', tmpdir()])
    .status === 0;

test(
  'a full disk refuses with its reason, loses nothing, and works again when space returns',
  canMount ? {} : { skip: 'this machine does not let us mount a small tmpfs (unshare -rm)' },
  () =>
    inFolder(async (directory) => {
      const script = join(import.meta.dirname, 'filling-writer.test-support.ts');
      const [command = '', ...args] = SMALL_DISK;
      const { stdout, stderr } = spawnSync(
        command,
        [...args, 'sh', directory, process.execPath, script, directory],
        { encoding: 'utf8', timeout: 120_000 },
      );
      assert.notEqual(stdout, '', stderr);
      const { held, ...seen } = JSON.parse(stdout);
      assert.deepEqual(seen, { code: 'storage_failed', reason: 'disk_full', lost: 0, after: true });
      assert.ok(held > 5);
    }),
);

const CRASHES = Number(process.env.POPMESH_CRASHES ?? 6);

test(`kill -9 while writing, ${CRASHES} times: no torn file, nothing acknowledged is lost`, () =>
  inFolder(async (directory) => {
    const random = new SeededRandom(23);
    const acknowledged = new Set<string>();
    for (let crash = 0; crash < CRASHES; crash++) {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'crashing-writer.test-support.ts'), directory, String(crash)],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const lines: string[] = [];
      const killAfter = 1 + random.integer(60);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        lines.push(...text.split('\n').filter((line) => line.length === 64));
        if (lines.length >= killAfter) child.kill('SIGKILL');
      });
      const [code, signal] = await once(child, 'close');
      assert.equal(signal, 'SIGKILL', `the writer ended by itself with ${code}`);
      for (const digest of lines) acknowledged.add(digest);
      for (const name of await readdir(join(directory, 'chunks'))) {
        const bytes = await readFile(join(directory, 'chunks', name));
        assert.equal(sha256Hex(bytes), name, `torn file after crash ${crash}`);
      }
      const store = await openAt(directory);
      for (const digest of acknowledged) assert.ok(store.has(digest), 'acknowledged, then lost');
      assert.deepEqual(await readdir(join(directory, 'writing')), []);
    }
    assert.ok(acknowledged.size > CRASHES);
  }));

test('the codes of the operating system become reasons', async () => {
  const { storageFailed } = await import('./storage-errors.ts');
  for (const [code, reason] of [
    ['ENOSPC', 'disk_full'],
    ['EDQUOT', 'quota_exceeded'],
    ['EROFS', 'read_only'],
    ['EWHAT', 'ewhat'],
  ] as const) {
    const error = storageFailed('writing', Object.assign(new Error(code), { code }));
    assert.ok(error instanceof PopmeshError && error.code === 'storage_failed');
    assert.equal(error.details.reason, reason);
  }
});
