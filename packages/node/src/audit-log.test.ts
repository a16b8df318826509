import assert from 'node:assert/strict';
import {
  appendFile,
  type FileHandle,
  mkdtemp,
  open as openFile,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { AUDIT_FILE, AuditLog, rotatedFiles } from './audit-log.ts';
import { auditFiles, verifyAudit } from './audit-read.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'popmesh-audit-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const open = (directory: string, bytesMax?: number) =>
  AuditLog.open({
    directory,
    clock: realClock,
    logger: silentLogger,
    ...(bytesMax === undefined ? {} : { bytesMax }),
  });
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
  assert.equal((await verifyAudit([path])).broken?.line, undefined);
});

test('an altered line and a missing line show', async (t) => {
  const directory = await folder(t);
  const path = join(directory, AUDIT_FILE);
  const log = await open(directory);
  for (const what of ['a', 'b', 'c']) await log.append(event(what));
  await log.close();
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"what":"b"', '"what":"x"'));
  assert.equal((await verifyAudit([path])).broken?.line, 2);
  await writeFile(path, text.split('\n').toSpliced(1, 1).join('\n'));
  assert.equal((await verifyAudit([path])).broken?.line, 2);
});

test('the chain goes on over rotated files and restarts, and is checked over all of them', async (t) => {
  const directory = await folder(t);
  let log = await open(directory, 600);
  for (const what of ['a', 'b', 'c', 'd']) await log.append(event(what));
  await log.close();
  // A crash between the rotation and the first line after it.
  const rotated = await rotatedFiles(directory);
  await rename(join(directory, AUDIT_FILE), join(directory, `audit-${Date.now() + 1}.log`));
  log = await open(directory, 600);
  await log.append(event('e'));
  await log.close();
  const files = await auditFiles([directory]);
  assert.ok(rotated.length > 0 && files.length === rotated.length + 2);
  assert.deepEqual(await verifyAudit(files), {
    files,
    lines: 5,
    fromTheBeginning: true,
    tornEnd: false,
  });
  const [oldest] = files;
  assert.ok(oldest);
  // Archived files are no break, one that is missing in between is.
  assert.deepEqual((await verifyAudit(files.slice(1))).fromTheBeginning, false);
  assert.equal((await verifyAudit(files.toSpliced(1, 1))).broken?.problem, 'out_of_chain');
  assert.equal((await verifyAudit([...files, ...files])).broken?.problem, 'another_log');
  await appendFile(join(directory, AUDIT_FILE), '{"timeMs":1,"acti');
  assert.deepEqual((await verifyAudit(files)).tornEnd, true);
  await appendFile(oldest, '{"timeMs":1,"acti');
  const { broken } = await verifyAudit(files);
  assert.deepEqual([broken?.file, broken?.problem], [oldest, 'unreadable']);
});

test('a full disk loses no line: half a line is cut, and no change begins before it is written', async (t) => {
  const directory = await folder(t);
  const path = join(directory, AUDIT_FILE);
  const log = await open(directory);
  await log.append(event('a'));
  await log.mayChange();
  const full = t.mock.method(
    await handlePrototype(path),
    'appendFile',
    async function (this: FileHandle, text: Buffer) {
      await this.write(text.subarray(0, 20));
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    },
  );
  const begun = await Promise.allSettled([log.append(event('b')), log.append(event('c'))]);
  for (const it of begun) {
    assert.match(String(it.status === 'rejected' && it.reason.hint), /The change was made/);
  }
  await assert.rejects(log.mayChange(), { code: 'storage_failed', hint: /Nothing was changed/ });
  full.mock.restore();
  assert.deepEqual((await verifyAudit([path])).tornEnd, true);
  await log.mayChange();
  await log.append(event('d'));
  await log.close();
  assert.deepEqual(await verifyAudit([path]), {
    files: [path],
    lines: 4,
    fromTheBeginning: true,
    tornEnd: false,
  });
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  assert.deepEqual(
    lines.map((text) => JSON.parse(text).what),
    ['a', 'b', 'c', 'd'],
  );
});

async function handlePrototype(path: string): Promise<FileHandle> {
  const handle = await openFile(path);
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}
