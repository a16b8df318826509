import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { noMetrics, silentLogger } from '@popmesh/contracts';
import { runtimeConfigSchema } from '../config.ts';
import { jcoFolders } from '../prepare/jco-location.ts';
import { MANIFEST_FILE } from '../prepare/store.ts';
import { createRuntime } from '../runtime.ts';
import { Harness, testClock, testRandom } from '../testing/harness.ts';
import { codePaths, executorFlags } from './executor-flags.ts';
import { EXECUTOR_ENTRY } from './executor-process.ts';
import { closedPath } from './executor-user.ts';

const isRoot = process.getuid?.() === 0;
/** Users of their own must be able to come to our code, wherever this was checked out. */
const closed = isRoot
  ? await closedPath([process.execPath, EXECUTOR_ENTRY, tmpdir(), ...codePaths(), ...jcoFolders()])
  : undefined;
const skip = (!isRoot && 'needs root') || (closed !== undefined && `${closed} is closed to others`);
const FIRST_UID = 61_000;

const uidOf = async (pid: number | string): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
};

async function childrenOf(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
}

describe('what an executor can read, and as whom it runs', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start({ executorUidFrom: FIRST_UID, spareExecutors: 1 });
    await harness.deploy('one/hello');
    await harness.deploy('two/hello');
  });
  after(() => harness.stop());

  const folders = async (): Promise<string[]> => {
    const root = join(harness.directory, 'executors');
    return (await readdir(root)).map((name) => join(root, name));
  };

  /** The private folders that hold something: those of the two namespaces. */
  async function staged(): Promise<string[]> {
    const files: string[] = [];
    for (const folder of await folders()) {
      for (const component of await readdir(folder))
        files.push(join(folder, component, MANIFEST_FILE));
    }
    return files;
  }

  async function attempts(own: string, others: string[], flags: string[], uid?: number) {
    const entry = fileURLToPath(new URL('../testing/prisoner.ts', import.meta.url));
    const child = fork(entry, [own, ...others], {
      execArgv: flags,
      env: {},
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const [outcome] = (await once(child, 'message')) as [
      { readStaged: string; readOthers: string[] },
    ];
    return outcome;
  }

  test('only the files of its own namespace, by its flags', async () => {
    const [own = '', other = ''] = await staged();
    assert.ok(own !== '' && other !== '');
    const component = (await readdir(join(harness.directory, 'prepared'))).find((name) =>
      own.includes(name),
    );
    const source = join(harness.directory, 'prepared', component ?? '', MANIFEST_FILE);
    assert.equal((await stat(source)).ino, (await stat(own)).ino, 'the same file, not a copy');
    const flags = executorFlags(join(own, '../..'), runtimeConfigSchema.parse(undefined));
    const { readStaged, readOthers } = await attempts(own, [other, source], flags);
    assert.equal(readStaged, 'possible');
    assert.deepEqual(readOthers, ['ERR_ACCESS_DENIED', 'ERR_ACCESS_DENIED']);
  });

  test('and as far as the kernel goes', { skip }, async () => {
    const [own = '', other = ''] = await staged();
    // The folder is the daemon's, and its group the executor's.
    const { uid: owner, gid: uid } = await stat(join(own, '../..'));
    const { gid: otherUid } = await stat(join(other, '../..'));
    assert.equal(owner, 0);
    assert.notEqual(uid, otherUid);
    const prepared = join(harness.directory, 'prepared');
    const component = (await readdir(prepared)).find((name) => own.includes(name)) ?? '';
    const others = [other, join(prepared, component, MANIFEST_FILE)];
    // Without the permission model, as if a guest had broken out of it.
    const { readStaged, readOthers } = await attempts(own, others, [], uid);
    assert.equal(readStaged, 'possible');
    assert.deepEqual(readOthers, ['EACCES', 'EACCES']);
  });

  test('each process has a user of its own', { skip }, async () => {
    const pids = [harness.pidOf('one'), harness.pidOf('two'), ...harness.runtime.spareExecutors()];
    const uids = await Promise.all(pids.map(uidOf));
    assert.equal(new Set(uids).size, pids.length, uids.join());
    for (const uid of uids) assert.ok(uid >= FIRST_UID && uid < FIRST_UID + 500, `${uid}`);
  });

  test('so has the child that prepares an upload', { skip }, async () => {
    // Not of an engine that was prepared already: that needs no child.
    const rust = new URL('../../../../examples/hello-rust/hello-rust.wasm', import.meta.url);
    const preparing = harness.prepare(new Uint8Array(await readFile(rust)));
    const uids = new Set<number>();
    let over = false;
    void preparing.finally(() => (over = true)).catch(() => {});
    while (!over) {
      for (const pid of await childrenOf(process.pid)) {
        const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (command.includes('prepare/child.ts')) uids.add(await uidOf(pid));
      }
      await testClock.sleep(1);
    }
    await preparing;
    const [uid = 0] = [...uids].filter((it) => !Number.isNaN(it));
    assert.ok(uid >= FIRST_UID && uid < FIRST_UID + 500, [...uids].join());
  });

  test('the folder goes with the namespace', async () => {
    while (harness.runtime.spareExecutors().length === 0) await testClock.sleep(5);
    const was = (await folders()).length;
    await harness.deploy('three/hello');
    await harness.runtime.remove('three/hello');
    // The blank one that was taken is replaced some time later.
    assert.ok((await folders()).length <= was);
    assert.equal((await staged()).length, 2);
  });
});

test('where others cannot come to its files, executors run as the daemon, and it says so', {
  skip,
}, async () => {
  const hidden = await mkdtemp(join(tmpdir(), 'popmesh-closed-'));
  const warnings: { message: string; path: unknown }[] = [];
  const runtime = createRuntime({
    directory: join(hidden, 'runtime'),
    identity: { node: 'n1', pop: 'fra', region: 'eu' },
    clock: testClock,
    random: testRandom,
    logger: {
      ...silentLogger,
      warn: (message, fields) => warnings.push({ message, path: fields?.path }),
    },
    metrics: noMetrics,
  });
  await runtime.start(new AbortController().signal);
  try {
    assert.match(warnings[0]?.message ?? '', /^executors run as root/);
    assert.equal(warnings[0]?.path, hidden);
    while (runtime.spareExecutors().length === 0) await testClock.sleep(5);
    assert.equal(await uidOf(runtime.spareExecutors()[0] ?? 0), 0);
  } finally {
    await runtime.stop();
    await rm(hidden, { recursive: true });
  }
});
