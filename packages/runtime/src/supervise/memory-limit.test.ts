import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLimitBytes } from './memory-limit.ts';

const GB = 1024 ** 3;
const meminfo = 'MemTotal:       16777216 kB\nMemFree:        1 kB\n';
const limit = (files: Record<string, string>) => memoryLimitBytes(async (path) => files[path]);

test('the machine’s memory, where no group says less', async () => {
  assert.equal(await limit({ '/proc/meminfo': meminfo }), 16 * GB);
  assert.equal(
    await limit({
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '0::/system.slice/popmesh.service\n',
      '/sys/fs/cgroup/system.slice/popmesh.service/memory.max': 'max\n',
    }),
    16 * GB,
  );
});

test('the least of our group and of those around it', async () => {
  const files = {
    '/proc/meminfo': meminfo,
    '/proc/self/cgroup': '0::/a.slice/b.service\n',
    '/sys/fs/cgroup/a.slice/memory.max': String(2 * GB),
    '/sys/fs/cgroup/a.slice/b.service/memory.max': String(4 * GB),
  };
  assert.equal(await limit(files), 2 * GB);
});

test('a container sees its own group as the root', async () => {
  const files = {
    '/proc/meminfo': meminfo,
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/memory.max': String(GB),
  };
  assert.equal(await limit(files), GB);
});

test('version 1, whose "no limit" is a very large number; and nothing at all', async () => {
  const file = '/sys/fs/cgroup/memory/memory.limit_in_bytes';
  assert.equal(await limit({ '/proc/meminfo': meminfo, [file]: '9223372036854771712' }), 16 * GB);
  assert.equal(await limit({ '/proc/meminfo': meminfo, [file]: String(GB) }), GB);
  assert.equal(await limit({}), undefined);
});
