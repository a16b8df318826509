import { webcrypto } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Random } from '@popmesh/contracts';
import { clockFrom } from '../clock-from.ts';
import type { FromExecutor, ToExecutor } from './control.ts';
import { Executor } from './executor.ts';

/**
 * Entry of an executor process. Started by the supervisor with Node's permission model, no
 * code generation from strings and an empty environment; spoken to over IPC only. When the
 * parent goes, so does this process.
 */

const clock = clockFrom({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (ms, run) => {
    const handle = setTimeout(run, ms);
    return { cancel: () => clearTimeout(handle) };
  },
});

const random: Random = {
  float: () => Math.random(),
  integer: (below) => Math.floor(Math.random() * below),
  bytes: (length) => webcrypto.getRandomValues(new Uint8Array(length)),
};

const send = (message: FromExecutor): Promise<void> =>
  new Promise((resolve) => {
    // The parent may be gone already; then nobody is left to tell.
    if (process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });

let executor: Executor | undefined;

process.on('message', (message: ToExecutor) => {
  if (message.type !== 'init') {
    executor?.receive(message);
    return;
  }
  executor = new Executor({
    init: message,
    clock,
    random,
    schedule: (run) => setImmediate(run),
    send,
    cores: availableParallelism(),
    cpuMicros: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
  });
  executor.start();
});

process.on('disconnect', () => process.exit(0));
// The node daemon decides when executors end; a terminal's ^C reaches the whole group.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {
  void executor?.stop().finally(() => process.exit(0));
});
