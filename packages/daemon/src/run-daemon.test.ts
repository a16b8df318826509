import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const fixture = fileURLToPath(new URL('run-daemon.test-support.ts', import.meta.url));

function run(behaviour: string, execArgv: readonly string[] = []) {
  const options = { execPath: process.execPath, execArgv: [...execArgv], silent: true };
  const child = fork(fixture, [behaviour], options);
  const { stdout, stderr } = child;
  assert.ok(stdout !== null && stderr !== null);
  return {
    child,
    out: text(stdout),
    err: text(stderr),
    exit: once(child, 'exit').then(([code]) => code as number | null),
    message: async (type: string): Promise<Record<string, unknown>> => {
      for (;;) {
        const [message] = (await once(child, 'message')) as [Record<string, unknown>];
        if (message.type === type) return message;
      }
    },
  };
}

test('the first signal drains, stops and ends with 0', async () => {
  const { child, message, out, exit } = run('plain');
  assert.equal((await message('ready')).behaviour, 'plain');
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
  assert.equal(await out, 'drained\nstopped\n');
});

test('the second signal ends at once with 1', async () => {
  const { child, message, exit } = run('needs-two-signals');
  await message('ready');
  child.kill('SIGINT');
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  assert.equal(await exit, 1);
});

test('a start that fails tells why, once, and ends with 2', async () => {
  const { message, err, exit } = run('fails');
  const failed = await message('failed');
  assert.deepEqual(failed.error, {
    code: 'address_in_use',
    message: 'port 1 is taken',
    hint: 'Choose another.',
  });
  assert.equal(await exit, 2);
  assert.match(await err, /fixture: port 1 is taken\nhint: Choose another\.\n/);
  assert.doesNotMatch(await err, /draining/);
});

test('a signal during the start aborts it and ends with 0', async () => {
  const { child, message, exit, out } = run('slow-start');
  await message('starting');
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
  assert.equal(await out, '');
});

test('a parent that goes away counts as SIGTERM', async () => {
  const { child, message, exit, out } = run('plain');
  await message('ready');
  child.disconnect();
  assert.equal(await exit, 0);
  assert.equal(await out, 'drained\nstopped\n');
});

test('a parent that is gone before the daemon is loaded counts as SIGTERM, too', async () => {
  const wait = "await new Promise((resolve) => process.once('disconnect', resolve))";
  const { child, exit, out } = run('plain', ['--import', `data:text/javascript,${wait}`]);
  child.disconnect();
  assert.equal(await exit, 0);
  assert.equal(await out, 'drained\nstopped\n');
});

test('a drain that hangs is cut by its budget and does not skip the stop', async () => {
  const { child, message, exit, out } = run('hangs-in-drain');
  await message('ready');
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
  assert.equal(await out, 'drained\nstopped\n');
});

test('a handle that is left open is named', async () => {
  const { child, message, exit, err } = run('leaks');
  await message('ready');
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
  assert.match(await err, /TCPServerWrap.*still held after the stop/);
});

test('SIGHUP reloads, or is ignored with a line; it never ends the process', async () => {
  for (const [behaviour, told] of [
    ['plain', /SIGHUP is ignored/],
    ['reloads', /reloaded on SIGHUP.*\n[\s\S]*changed nothing/],
  ] as const) {
    const { child, message, exit, err, out } = run(behaviour);
    await message('ready');
    child.kill('SIGHUP');
    if (behaviour === 'reloads') {
      await message('reloaded');
      child.kill('SIGHUP');
      await message('reloaded');
    }
    child.kill('SIGTERM');
    assert.equal(await exit, 0, behaviour);
    assert.equal(await out, 'drained\nstopped\n');
    assert.match(await err, told);
  }
});
