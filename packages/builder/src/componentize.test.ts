import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { exchange } from './componentize.ts';

/** The order of a real child's events is the kernel's choice, so a stand-in makes each of them. */
const child = () =>
  Object.assign(new EventEmitter(), { send: () => true }) as never as ChildProcess;
const never = new AbortController().signal;

test('an answer that is read after the child was seen to end still counts', async () => {
  const ended = child();
  const answered = exchange(ended, {}, never);
  ended.emit('exit', 0, null);
  ended.emit('message', { error: 'the answer' });
  ended.emit('close', 0, null);
  assert.deepEqual(await answered, { error: 'the answer' });
});

test('a child that ends without an answer is a failed build', async () => {
  const killed = child();
  const answered = exchange(killed, {}, never);
  killed.emit('exit', null, 'SIGKILL');
  killed.emit('close', null, 'SIGKILL');
  await assert.rejects(answered, { code: 'build_failed', message: /ended with SIGKILL/ });
});

test('an abort from before the exchange is heard', async () => {
  const reason = new Error('enough');
  await assert.rejects(exchange(child(), {}, AbortSignal.abort(reason)), reason);
});
