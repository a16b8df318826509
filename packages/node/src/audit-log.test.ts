import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { AUDIT_FILE, AuditLog, firstBrokenLine } from './audit-log.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'popmesh-audit-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const open = (directory: string) =>
  AuditLog.open({ directory, clock: realClock, logger: silentLogger });
const event = (what: string) => ({ action: 'deploy', who: 'me', what, from: '::1' }) as const;

test('lines are chained over restarts and over a torn end', async (t) => {
  const directory = await folder(t);
  const path = join(directory, AUDIT_FILE);
  const first = await open(directory);
  await Promise.all([first.append(event('a')), first.append(event('b'))]);
  await first.close();
  await appendFile(path, '{"timeMs":1,"acti');
  const second = await open(directory);
  await second.append(event('c'));
  await second.close();
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  assert.deepEqual(
    lines.map((text) => JSON.parse(text).what),
    ['a', 'b', 'c'],
  );
  assert.equal(await firstBrokenLine(path), undefined);
});

test('an altered line and a missing line show', async (t) => {
  const directory = await folder(t);
  const path = join(directory, AUDIT_FILE);
  const log = await open(directory);
  for (const what of ['a', 'b', 'c']) await log.append(event(what));
  await log.close();
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"what":"b"', '"what":"x"'));
  assert.equal(await firstBrokenLine(path), 2);
  await writeFile(path, text.split('\n').toSpliced(1, 1).join('\n'));
  assert.equal(await firstBrokenLine(path), 2);
});
