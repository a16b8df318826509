import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { AuditLog } from '@popmesh/node';
import { runCli } from '../program.ts';

const event = (what: string) =>
  ({ action: 'deploy', who: 'me', what, from: '::1', digest: 'd'.repeat(64) }) as const;

test('audit verify tells the first broken line, audit tail follows', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'popmesh-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const run = async (args: string[], signal = new AbortController().signal, onPrint = () => {}) => {
    let [stdout, stderr] = ['', ''];
    const print = (text: string) => {
      stdout += text;
      onPrint();
    };
    const status = await runCli(['audit', ...args], {
      stdout: { write: print },
      stderr: { write: (text) => (stderr += text) },
      env: {},
      cwd: folder,
      now: Date.now,
      ask: undefined,
      interrupted: signal,
    });
    return { status, stdout, stderr };
  };
  assert.equal((await run(['verify', '.'])).status, 1);
  const log = await AuditLog.open({ directory: folder, clock: realClock, logger: silentLogger });
  t.after(() => log.close());
  for (const what of ['one', 'two', 'three']) await log.append(event(what));

  const whole = await run(['verify', '.']);
  assert.deepEqual([whole.status, whole.stdout], [0, 'intact: 3 lines in 1 file\n']);
  const tail = await run(['tail', '-n', '2', '.']);
  assert.match(tail.stdout, /^\S+ deploy {3}two by me from ::1 digest=d{12}\n.*three.*\n$/);
  assert.equal(JSON.parse((await run(['tail', '-n', '1', '--json', '.'])).stdout).what, 'three');
  assert.equal((await run(['tail', '-n', '0', '.'])).stdout, '');

  const stop = new AbortController();
  let lines = 0;
  const following = run(['tail', '--follow', '-n', '1', '.'], stop.signal, () => {
    lines++;
    if (lines === 1) void log.append(event('four'));
    if (lines === 2) stop.abort();
  });
  assert.match((await following).stdout, /three.*\n.*four/);

  const file = join(folder, 'audit.log');
  appendFileSync(file, '{"half');
  assert.match((await run(['verify', file])).stderr, /half written/);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"what":"two"', '"what":"2"'));
  const broken = await run(['verify', file]);
  assert.deepEqual(
    [broken.status, broken.stdout],
    [1, `broken at ${file}, line 2: it is not what was written: its hash is another\n`],
  );
  const machine = JSON.parse((await run(['verify', '.', '--json'])).stdout);
  assert.deepEqual(
    [machine.intact, machine.broken.line, machine.broken.problem],
    [false, 2, 'altered'],
  );
});
