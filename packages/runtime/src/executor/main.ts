import { webcrypto } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Random } from '@popmesh/contracts';
import { clockFrom } from '../clock-from.ts';
import type { ExecutorBoot, FromExecutor, ToExecutor } from './control.ts';
import { Executor } from './executor.ts';
import { ModuleLoader } from './module-loader.ts';
import type { SkeletonCode } from './skeleton.ts';
import { WorkerSupply } from './worker-supply.ts';

/**
 * Entry of an executor process. Started blank, with Node's permission model, no code generation
 * from strings and an empty environment; becomes one namespace's by `init`. Spoken to over IPC
 * only. When the parent goes, so does this process.
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

/** After a cold start nothing is read ahead for so long. */
const QUIET_MS = 100;

const loader = new ModuleLoader(() => clock.sleep(QUIET_MS));
let supply: WorkerSupply | undefined;
let executor: Executor | undefined;
process.title = 'popmesh-executor spare';

/** Blank workers, before it is known whose process this is: nothing here depends on that. */
function boot({ config }: ExecutorBoot): WorkerSupply {
  return new WorkerSupply({
    spares: config.spareWorkers,
    workersMax: config.workersMax,
    heapMb: config.workerHeapMb,
    cores: availableParallelism(),
    clock,
  });
}

/** Compiled, and the blank workers made ready for it: the platform's share of a first request. */
async function expect(code: SkeletonCode): Promise<void> {
  let made = false;
  try {
    made = (await supply?.expect(await loader.makeReady(code))) === true;
  } catch {
    // Whoever needs it finds out why.
  }
  void send({ type: 'ready', made });
}

process.on('message', (message: ToExecutor) => {
  if (message.type === 'boot') {
    supply = boot(message);
    void send({ type: 'booted' });
    return;
  }
  if (message.type === 'expect') {
    void expect(message.code);
    return;
  }
  if (message.type !== 'init' || supply === undefined || executor !== undefined) {
    executor?.receive(message);
    return;
  }
  // For those who look at the machine's processes.
  process.title = `popmesh-executor ${message.namespace}`;
  executor = new Executor({
    init: message,
    supply,
    loader,
    clock,
    random,
    schedule: (run) => setImmediate(run),
    send,
    cpuMicros: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    residentBytes: () => process.memoryUsage.rss(),
  });
  executor.start();
});

process.on('disconnect', () => process.exit(0));
// The node daemon decides when executors end; a terminal's ^C reaches the whole group.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {
  if (executor === undefined) process.exit(0);
  void executor.stop().finally(() => process.exit(0));
});
