import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closedPath, ExecutorUsers } from './executor-user.ts';
import { type ClaimUid, claimUid } from './uid-claim.ts';

const alone: ClaimUid = async () => () => {};

test('each has a user of its own while there are some, then the least shared', async () => {
  const users = new ExecutorUsers(70_000, 3, alone);
  const all = await Promise.all(Array.from({ length: 4 }, () => users.take()));
  const uids = all.map(({ uid }) => uid);
  assert.deepEqual(uids.slice(0, 3), [70_000, 70_001, 70_002]);
  const free = uids[3] === 70_001 ? 70_002 : 70_001;
  users.release({ uid: free, gid: free });
  assert.equal((await users.take()).uid, free);
  const shared = (await users.take()).uid;
  assert.notEqual(shared, uids[3], 'the one that two have already');
});

test('a user that was given back is not the next one at once: its processes may still end', async () => {
  const users = new ExecutorUsers(70_000, 3, alone);
  const first = await users.take();
  users.release(first);
  assert.notEqual((await users.take()).uid, first.uid);
});

test('two daemons on one machine never have the same one, while there are some', async () => {
  const [one, other] = [0, 1].map(() => new ExecutorUsers(72_000, 4, claimUid));
  assert.ok(one !== undefined && other !== undefined);
  const taken = await Promise.all([one.take(), other.take(), one.take(), other.take()]);
  try {
    assert.equal(new Set(taken.map(({ uid }) => uid)).size, 4);
    const [first = { uid: 0, gid: 0 }, second] = taken;
    const shared = await other.take();
    assert.ok(
      [second, taken[3]].some((own) => own?.uid === shared.uid),
      'its own is shared first',
    );
    other.release(shared);
    one.release(first);
    const again = await other.take();
    assert.equal(again.uid, first.uid, 'what one gave back the other may have');
    other.release(again);
  } finally {
    for (const [at, user] of taken.entries()) (at % 2 === 0 ? one : other).release(user);
  }
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
