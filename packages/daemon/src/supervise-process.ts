import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { type Clock, type Logger, PopmeshError } from '@popmesh/contracts';
import { fileTail } from './file-tail.ts';

/**
 * Keeps one child process running: waits until it says that it is ready, starts
 * it again with growing pauses when it ends on its own, and ends it for sure.
 * A child that never got ready once is not tried again: that is a mistake to
 * show, not a fault to ride out.
 */

export type ReadyInfo = Readonly<Record<string, unknown>>;

export interface SuperviseOptions {
  /** For logs and errors. */
  readonly name?: string;
  readonly command: string;
  readonly args: readonly string[];
  /** All of it: nothing is inherited from our own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /**
   * In a process group of its own: a terminal's Ctrl-C then reaches us alone, and
   * the child gets one signal, by `stop`, instead of two, which would skip its drain.
   */
  readonly detached?: boolean;
  /** Where the child's output goes; default `inherit`. A file is appended to. */
  readonly output?: 'inherit' | 'ignore' | { readonly file: string };
  /** With IPC the child is ready when it sends `{type: 'ready', …}` (see runDaemon). */
  readonly ipc: boolean;
  readonly serialization?: 'json' | 'advanced';
  /** Without IPC: resolves when the child can be used, for example when its port answers. */
  readonly probe?: (signal: AbortSignal) => Promise<ReadyInfo>;
  /** Default 15 s; a child that is late is killed. */
  readonly readyTimeoutMs?: number;
  /** Pause before the first restart, default 100 ms; doubles each time, up to the cap. */
  readonly restartDelayMs?: number;
  /** Default 10 s. */
  readonly restartDelayMaxMs?: number;
  /** A child that was ready for this long starts the pauses afresh; default 10 s. */
  readonly stableAfterMs?: number;
  /** Restarts in a row before giving up; default: never give up. */
  readonly restartsMax?: number;
  readonly onReady?: (info: ReadyInfo) => void;
  readonly onExit?: (code: number | null, signal: NodeJS.Signals | null) => void;
  readonly onMessage?: (message: unknown) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SupervisedProcess {
  /** Resolves when the child is ready the first time; rejects `unavailable` when it is not. */
  start(): Promise<ReadyInfo>;
  /** SIGTERM, and SIGKILL after `graceMs`. The same promise each time. */
  stop(graceMs: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** False when there is no child to take it. */
  send(message: object): boolean;
  /** Of the child that runs now. */
  readonly pid: number | undefined;
}

interface Life {
  readonly child: ChildProcess;
  readonly ready: Promise<ReadyInfo>;
  readonly ended: Promise<void>;
}

export function superviseProcess(options: SuperviseOptions): SupervisedProcess {
  const { clock, logger } = options;
  const name = options.name ?? options.command;
  const stopping = new AbortController();
  let life: Life | undefined;
  let started: Promise<ReadyInfo> | undefined;
  let stopped: Promise<void> | undefined;

  /** Until stopped, or given up: wait for the end, pause, start the next. */
  const watch = async (first: Life): Promise<void> => {
    let failures = 0;
    let readyAtMs: number | undefined = clock.monotonic();
    let current = first;
    for (;;) {
      await current.ended;
      life = undefined;
      if (stopping.signal.aborted) return;
      if (readyAtMs !== undefined && clock.monotonic() - readyAtMs >= stableAfterMs) failures = 0;
      if (failures >= (options.restartsMax ?? Number.POSITIVE_INFINITY)) {
        logger.error(`${name}: given up`, { restarts: failures });
        return;
      }
      const pauseMs = Math.min(restartDelayMs * 2 ** Math.min(failures, 30), restartDelayMaxMs);
      failures++;
      logger.warn(`${name}: ended by itself, starting again`, { pauseMs, failures });
      try {
        await clock.sleep(pauseMs, stopping.signal);
      } catch {
        return;
      }
      // The pause may be over and `stop` called in one and the same turn.
      if (stopping.signal.aborted) return;
      readyAtMs = undefined;
      try {
        // Throws when its log cannot be opened, or nothing can be spawned at all: both may pass.
        current = launch(options, name, stopping.signal);
        life = current;
        await current.ready;
        readyAtMs = clock.monotonic();
      } catch (error) {
        logger.warn(`${name}: restart failed`, { error });
      }
    }
  };
  const restartDelayMs = options.restartDelayMs ?? 100;
  const restartDelayMaxMs = options.restartDelayMaxMs ?? 10_000;
  const stableAfterMs = options.stableAfterMs ?? 10_000;

  // Also when we crash: a child without IPC has no other way to learn that we are gone.
  const endWithUs = (): void => void life?.child.kill('SIGTERM');

  return {
    get pid() {
      return life?.child.pid;
    },
    kill: (signal) => void life?.child.kill(signal),
    send: (message) => life?.child.connected === true && life.child.send(message, () => {}),
    start: () => {
      started ??= (async () => {
        stopping.signal.throwIfAborted();
        process.on('exit', endWithUs);
        try {
          const first = launch(options, name, stopping.signal);
          life = first;
          const info = await first.ready;
          void watch(first);
          return info;
        } catch (error) {
          await life?.ended;
          life = undefined;
          process.off('exit', endWithUs);
          throw error;
        }
      })();
      return started;
    },
    stop: (graceMs) => {
      stopped ??= (async () => {
        stopping.abort(new PopmeshError('cancelled', `${name} was stopped`));
        const last = life;
        if (last !== undefined) {
          last.child.kill('SIGTERM');
          const timer = clock.setTimer(graceMs, () => last.child.kill('SIGKILL'));
          await last.ended;
          timer.cancel();
        }
        process.off('exit', endWithUs);
      })();
      return stopped;
    },
  };
}

/** One child, from spawn to exit. `ready` rejects when the child ends, is late, or cannot be spawned. */
function launch(options: SuperviseOptions, name: string, stopping: AbortSignal): Life {
  const output = options.output ?? 'inherit';
  const file = typeof output === 'object' ? openSync(output.file, 'a') : undefined;
  const sink = file ?? (output as 'inherit' | 'ignore');
  const spawnOptions: SpawnOptions = {
    env: { ...options.env },
    stdio: ['ignore', sink, sink, ...(options.ipc ? (['ipc'] as const) : [])],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.detached === undefined ? {} : { detached: options.detached }),
    ...(options.serialization === undefined ? {} : { serialization: options.serialization }),
  };
  let child: ChildProcess;
  try {
    child = spawn(options.command, [...options.args], spawnOptions);
  } finally {
    if (file !== undefined) closeSync(file);
  }

  const over = new AbortController();
  const ended = new Promise<void>((resolve) => {
    child.once('error', (cause) => {
      // Only a failed spawn has no exit to follow; a failed kill or send comes here as well.
      if (child.pid !== undefined) return;
      over.abort(
        new PopmeshError('unavailable', `cannot start ${name}: ${cause.message}`, { cause }),
      );
      resolve();
    });
    child.once('exit', (code, signal) => {
      const tail = typeof output === 'object' ? fileTail(output.file) : '';
      const how = signal === null ? `code ${code}` : signal;
      over.abort(
        new PopmeshError('unavailable', `${name} ended with ${how}${tail && `:\n${tail}`}`),
      );
      options.onExit?.(code, signal);
      resolve();
    });
  });
  if (options.onMessage !== undefined) child.on('message', options.onMessage);

  const ready = new Promise<ReadyInfo>((resolve, reject) => {
    const readyTimeoutMs = options.readyTimeoutMs ?? 15_000;
    const late = options.clock.setTimer(readyTimeoutMs, () => {
      reject(new PopmeshError('unavailable', `${name} was not ready after ${readyTimeoutMs} ms`));
      child.kill('SIGKILL');
    });
    const fail = (error: unknown): void => {
      late.cancel();
      reject(stopping.aborted ? stopping.reason : error);
    };
    over.signal.addEventListener('abort', () => fail(over.signal.reason), { once: true });
    const accept = (info: ReadyInfo): void => {
      late.cancel();
      options.onReady?.(info);
      resolve(info);
    };
    if (options.ipc) {
      const listen = (message: unknown): void => {
        if (isTyped(message, 'failed')) fail(PopmeshError.fromJSON(message.error, 'unavailable'));
        if (!isTyped(message, 'ready')) return;
        child.off('message', listen);
        accept(message);
      };
      child.on('message', listen);
    } else if (options.probe !== undefined) {
      options.probe(over.signal).then(accept, (error) => {
        fail(error);
        child.kill('SIGKILL');
      });
    } else child.once('spawn', () => accept({}));
  });
  ready.catch(() => {});
  return { child, ready, ended };
}

const isTyped = (message: unknown, type: string): message is ReadyInfo =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === type;
