import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { testClock } from '../testing/harness.ts';
import { ControlGroups, type GroupFiles } from './control-groups.ts';
import { groupFiles } from './group-files.ts';

const ROOT = '/sys/fs/cgroup';
const MOUNTS = `31 23 0:28 / /sys rw - sysfs sysfs rw\n41 31 0:38 / ${ROOT} rw - cgroup2 cgroup2 rw\n`;
const LIMITS = { memoryBytesMax: 1 << 30, threadsMax: 200 };
const DAEMON = 77;

/** As the kernel does it: no process beside groups with controllers, nothing removed that is in use. */
class FakeKernel implements GroupFiles {
  readonly files = new Map<string, string>();
  /** Processes by group. */
  readonly groups = new Map<string, Set<number>>();
  readonly own: string;
  readOnly = false;

  constructor(own: string, controllers: string, processes: readonly number[]) {
    this.own = own;
    this.groups.set(ROOT, new Set());
    this.groups.set(join(ROOT, own), new Set(processes));
    this.files.set(join(ROOT, own, 'cgroup.controllers'), controllers);
    this.files.set(join(ROOT, own, 'cgroup.subtree_control'), '');
  }

  read = async (path: string) => {
    if (path === '/proc/self/mountinfo') return MOUNTS;
    if (path === '/proc/self/cgroup') return `0::${this.own}\n`;
    return this.files.get(path);
  };

  write = async (path: string, text: string) => {
    if (this.readOnly) throw failure('EROFS');
    const group = dirname(path);
    const processes = this.groups.get(group);
    if (processes === undefined) throw failure('ENOENT');
    if (path.endsWith('cgroup.procs')) {
      for (const others of this.groups.values()) others.delete(Number(text));
      processes.add(Number(text));
    } else if (path.endsWith('cgroup.subtree_control')) {
      if (processes.size > 0) throw failure('EBUSY');
      this.files.set(path, text.replaceAll('+', ''));
    } else if (path.endsWith('cgroup.kill')) processes.clear();
    else this.files.set(path, text);
  };

  mkdir = async (path: string) => {
    if (this.readOnly) throw failure('EROFS');
    if (this.groups.has(path)) throw failure('EEXIST');
    this.groups.set(path, new Set());
  };

  rmdir = async (path: string) => {
    if ((this.groups.get(path)?.size ?? 0) > 0) throw failure('EBUSY');
    if (!this.groups.delete(path)) throw failure('ENOENT');
  };

  list = async (path: string) =>
    [...this.groups.keys()]
      .filter((it) => dirname(it) === path)
      .map((it) => it.slice(path.length + 1));

  /** By name, what is in the daemon's group. */
  get inside(): Record<string, number[]> {
    const base = join(ROOT, this.own);
    const within = [...this.groups].filter(([path]) => path.startsWith(`${base}/`));
    return Object.fromEntries(within.map(([path, all]) => [path.slice(base.length + 1), [...all]]));
  }
}

const failure = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });

const groupsOn = (files: GroupFiles, prefix = 'popmesh-a-') =>
  new ControlGroups({ files, pid: DAEMON, prefix, clock: testClock });

describe('control groups', () => {
  test('the daemon makes room, and each executor has one with limits until it ends', async () => {
    const kernel = new FakeKernel('/popmesh.service', 'cpu io memory pids\n', [DAEMON]);
    const groups = groupsOn(kernel);
    await groups.open(LIMITS);
    assert.equal(groups.description, 'one for each executor: memory, pids, cpu');
    const one = await groups.hold(100);
    await groups.hold(101);
    assert.deepEqual(kernel.inside, {
      'popmesh-daemon': [DAEMON],
      'popmesh-a-0': [100],
      'popmesh-a-1': [101],
    });
    assert.equal(kernel.files.get(`${one?.path}/memory.max`), String(LIMITS.memoryBytesMax));
    assert.equal(kernel.files.get(`${one?.path}/pids.max`), '200');
    await kernel.write(`${one?.path}/cgroup.kill`, '1');
    await one?.remove();
    assert.deepEqual(Object.keys(kernel.inside), ['popmesh-daemon', 'popmesh-a-1']);
  });

  test('after kill -9 of the daemon the next one ends what is left, and only of its own', async () => {
    const kernel = new FakeKernel('/popmesh.service', 'memory pids', [DAEMON]);
    const before = groupsOn(kernel);
    await before.open(LIMITS);
    await before.hold(100);
    const other = groupsOn(kernel, 'popmesh-b-');
    await other.open(LIMITS);
    await other.hold(200);
    const after = groupsOn(kernel);
    await after.open(LIMITS);
    assert.deepEqual(kernel.inside, { 'popmesh-daemon': [DAEMON], 'popmesh-b-0': [200] });
  });

  test('where they cannot be had, the reason is told and nothing is moved', async () => {
    const reasonOf = async (kernel: FakeKernel): Promise<string> => {
      const groups = groupsOn(kernel);
      await groups.open(LIMITS);
      assert.equal(await groups.hold(100), undefined);
      assert.ok(kernel.groups.get(join(ROOT, kernel.own))?.has(DAEMON), 'it was moved');
      return groups.description;
    };
    const crowded = new FakeKernel('/session', 'memory pids', [DAEMON, 5]);
    assert.match(await reasonOf(crowded), /^none: .*other processes/);
    assert.deepEqual(crowded.inside, {});
    const closed = new FakeKernel('/docker', 'memory pids', [DAEMON]);
    closed.readOnly = true;
    assert.match(await reasonOf(closed), /^none: .*EROFS/);
    assert.match(
      await reasonOf(new FakeKernel('/u', 'cpu', [DAEMON])),
      /no controller memory, pids/,
    );
    const none = new FakeKernel('/u', '', [DAEMON]);
    none.read = async () => undefined;
    assert.match(await reasonOf(none), /no cgroup v2/);
  });

  test('on the kernel of this machine: in it, killed with it, removed', async (context) => {
    const options = {
      files: groupFiles,
      pid: process.pid,
      clock: testClock,
      needed: [],
    };
    const prefix = `popmesh-test-${process.pid}-`;
    const groups = new ControlGroups({ ...options, prefix });
    await groups.open(LIMITS);
    const child = spawn('sleep', ['600']);
    const ended = once(child, 'exit');
    try {
      const group = await groups.hold(child.pid ?? 0);
      if (group === undefined) {
        context.skip(groups.description);
        return;
      }
      const inIt = await groupFiles.read(join(group.path, 'cgroup.procs'));
      assert.equal(inIt, `${child.pid}\n`);
      // As after a kill of the daemon.
      const next = new ControlGroups({ ...options, prefix });
      await next.open(LIMITS);
      assert.equal((await ended)[1], 'SIGKILL');
      assert.ok(!existsSync(group.path));
    } finally {
      child.kill('SIGKILL');
    }
  });
});
