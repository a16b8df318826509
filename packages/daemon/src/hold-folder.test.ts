import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { holdFolder } from './index.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'popmesh-hold-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A process that takes the folder when it is told to, and says what came of it. */
function other(t: TestContext, path: string) {
  const door = new URL('index.ts', import.meta.url).href;
  const script = `
    import { holdFolder } from ${JSON.stringify(door)};
    process.stdin.once('data', () => {
      try { holdFolder(${JSON.stringify(path)}); console.log('got it'); }
      catch ({ code }) { console.log(code); }
    });
    console.log('here');`;
  const args = ['--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => String((await lines.next()).value);
  return { child, line, take: () => void child.stdin.write('take it\n') };
}

test('of many that come at the same moment one gets it, and the rest are told who', async (t) => {
  const path = folder(t);
  // What a kill left: a lock file that nobody holds, and the pid of somebody who lives.
  writeFileSync(join(path, 'owner.lock'), '', { mode: 0o600 });
  writeFileSync(join(path, 'owner.pid'), '1\n');
  const others = Array.from({ length: 5 }, () => other(t, path));
  for (const { line } of others) assert.equal(await line(), 'here');
  for (const { take } of others) take();
  const outcomes = await Promise.all(others.map(({ line }) => line()));
  assert.deepEqual(outcomes.toSorted(), [...Array(4).fill('folder_in_use'), 'got it']);
  const owner = others[outcomes.indexOf('got it')];
  assert.ok(owner);
  assert.throws(() => holdFolder(path), {
    code: 'folder_in_use',
    message: `${path} is in use by process ${owner.child.pid}`,
    details: { folder: path, pid: owner.child.pid },
  });
  owner.child.kill('SIGKILL');
  await once(owner.child, 'exit');
  holdFolder(path)();
});

test('it is let go for the next, and leaves nothing but the empty file', (t) => {
  const path = folder(t);
  const release = holdFolder(path);
  assert.throws(() => holdFolder(path), { code: 'folder_in_use' });
  assert.throws(() => holdFolder(path), { message: new RegExp(`process ${process.pid}`) });
  assert.equal(statSync(join(path, 'owner.lock')).mode & 0o777, 0o600);
  release();
  const again = holdFolder(path);
  release();
  assert.throws(() => holdFolder(path), { code: 'folder_in_use' }, 'letting go twice is once');
  again();
  assert.deepEqual(readdirSync(path), ['owner.lock']);
  assert.throws(() => holdFolder(join(path, 'missing')), { code: 'storage_failed' });
});
