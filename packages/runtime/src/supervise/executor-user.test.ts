import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closedPath, ExecutorUsers } from './executor-user.ts';

test('each has a user of its own while there are some, then the least shared', () => {
  const users = new ExecutorUsers(70_000, 3);
  const uids = Array.from({ length: 4 }, () => users.take().uid);
  assert.deepEqual(uids.slice(0, 3), [70_000, 70_001, 70_002]);
  users.release({ uid: 70_001, gid: 70_001 });
  assert.equal(users.take().uid, 70_001);
  const shared = users.take().uid;
  assert.notEqual(shared, uids[3], 'the one that two have already');
});

test('a user that was given back is not the next one at once: its processes may still end', () => {
  const users = new ExecutorUsers(70_000, 3);
  const first = users.take();
  users.release(first);
  assert.notEqual(users.take().uid, first.uid);
});

test('the way to a path must be open, and the path itself', async () => {
  const modes: Record<string, number> = {
    '/': 0o755,
    '/srv': 0o711,
    '/srv/code.ts': 0o644,
    '/srv/secret.ts': 0o640,
    '/root': 0o700,
    '/root/code.ts': 0o644,
  };
  const modeOf = async (path: string) => ({
    mode: modes[path] ?? 0,
    isDirectory: () => !path.endsWith('.ts'),
  });
  assert.equal(await closedPath(['/srv/code.ts', '/srv'], modeOf), undefined);
  assert.equal(await closedPath(['/srv/code.ts', '/srv/secret.ts'], modeOf), '/srv/secret.ts');
  assert.equal(await closedPath(['/root/code.ts'], modeOf), '/root');
});
