import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

test('set-ups take turns, also after one that was killed in its turn', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'popmesh-set-up-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [lock, log] = [join(folder, 'locks', 'set-up.lock'), join(folder, 'log')];
  const module = JSON.stringify(new URL('setup.mjs', import.meta.url).href);
  const script = `
    import { appendFileSync } from 'node:fs';
    import { takeTurn } from ${module};
    for (let turn = 0; turn < 3; turn++) {
      const end = takeTurn(${JSON.stringify(lock)});
      appendFileSync(${JSON.stringify(log)}, 'in ' + process.pid + '\\n');
      await new Promise((resolve) => setTimeout(resolve, 5));
      appendFileSync(${JSON.stringify(log)}, 'out ' + process.pid + '\\n');
      end();
    }`;
  const run = (): Promise<number | null> =>
    new Promise((resolve) =>
      spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' }).once(
        'exit',
        resolve,
      ),
    );
  assert.deepEqual(await Promise.all([run(), run(), run(), run()]), [0, 0, 0, 0]);
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  assert.equal(lines.length, 24);
  for (let i = 0; i < lines.length; i += 2) {
    assert.equal(lines[i + 1], lines[i]?.replace('in', 'out'), 'nobody between in and out');
  }
  // Alive, but no set-up: the pids of a container come again when it is started again.
  const stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
  t.after(() => stranger.kill());
  const left = existsSync('/proc/self/cmdline') ? [4_194_305, stranger.pid] : [4_194_305];
  for (const pid of left) {
    writeFileSync(lock, String(pid));
    assert.equal(await run(), 0);
  }
  writeFileSync(lock, String(process.pid));
  const impatient = `
    import { takeTurn } from ${module};
    takeTurn(${JSON.stringify(lock)}, 1);`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', impatient]);
  assert.match(String(stderr), /set-up of process \d+ .* remove .*set-up\.lock/);
  rmSync(lock);
  assert.deepEqual(readdirSync(join(folder, 'locks')), []);
});

test('what was handed over learns that the script which started it was killed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'popmesh-set-up-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const daemon = join(folder, 'daemon.mjs');
  writeFileSync(
    daemon,
    `process.on('disconnect', () => { console.log('gone'); process.exit(0); });
     console.log('pid ' + process.pid);`,
  );
  const module = JSON.stringify(new URL('setup.mjs', import.meta.url).href);
  const script = `import { handOver, root } from ${module};
    import { relative } from 'node:path';
    handOver(relative(root, ${JSON.stringify(daemon)}), []);`;
  const wrapper = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: wrapper.stdout })[Symbol.asyncIterator]();
  assert.match(String((await lines.next()).value), /^pid \d+$/);
  wrapper.kill('SIGKILL');
  assert.equal((await lines.next()).value, 'gone');
});
