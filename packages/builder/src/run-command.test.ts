import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kill } from 'node:process';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { runCommand } from './run-command.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'popmesh-command-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Also true of one that has ended and that nobody asks about, as in a container without an init. */
async function hasEnded(pid: number): Promise<boolean> {
  try {
    kill(pid, 0);
  } catch {
    return true;
  }
  return /\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
}

async function written(path: string): Promise<number> {
  for (;;) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text.endsWith('\n')) return Number(text);
    await setImmediate();
  }
}

async function ended(pid: number): Promise<void> {
  while (!(await hasEnded(pid))) await setImmediate();
}

test('a command that does not end is ended at its deadline', async (t) => {
  const directory = await folder(t);
  await assert.rejects(runCommand('sleep 600', directory, new AbortController().signal, 100), {
    code: 'build_failed',
    details: { limit: 'command_deadline_ms', max: 100 },
  });
});

for (const [title, end] of [
  ['an abort ends a command and all that it started', 'wait'],
  ['an abort ends what a command left behind that keeps its output open', 'exit'],
] as const) {
  test(title, async (t) => {
    const directory = await folder(t);
    const reason = new Error('enough');
    const abort = new AbortController();
    const command = `sleep 600 & echo $$ > shell; echo $! > started; ${end}`;
    const thrown = assert.rejects(runCommand(command, directory, abort.signal), reason);
    const shell = await written(join(directory, 'shell'));
    const started = await written(join(directory, 'started'));
    if (end === 'exit') await ended(shell);
    abort.abort(reason);
    await thrown;
    await ended(shell);
    await ended(started);
  });
}
