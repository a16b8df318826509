import { type Logger, PopmeshError } from '@popmesh/contracts';
import { onHangUp, type Reloaded } from './reload.ts';

/**
 * The life of a process: start, ready, drain, stop, exit code. The first SIGTERM
 * or SIGINT drains and ends with 0, the second ends at once with 1, a failed
 * start ends with 2 and one clear error, and so does a daemon that finds out later
 * that it cannot go on. SIGHUP reloads and never ends anything.
 * A parent that goes away counts as SIGTERM, so that no daemon outlives the mesh
 * that started it.
 *
 * The process ends because nothing is left to do, not by `process.exit`: what
 * still holds it after the stop is a leak, and is named in the log.
 */

export interface RunningDaemon {
  /** Sent to the parent as `{type: 'ready', ...ready}` when there is one. */
  readonly ready: object;
  /** Why it is not ready yet; undefined, or absent, when it is. */
  notReady?(): string | undefined;
  /** Resolves when it is ready, for one that is not ready with the end of the start. */
  readonly whenReady?: Promise<void>;
  /** Resolves when it cannot go on: it is stopped, and the process ends as after a failed start. */
  readonly whenLost?: Promise<PopmeshError>;
  drain?(): Promise<void>;
  stop(): Promise<void>;
  /** On SIGHUP. One that throws has changed nothing; without it the signal is ignored with a line. */
  reload?(): Promise<Reloaded>;
}

export interface DaemonOptions {
  readonly name: string;
  readonly logger: Logger;
  readonly drainTimeoutMs: number;
  /** Budget of `stop`, default 10 s. */
  readonly stopTimeoutMs?: number;
  /** `signal` is aborted by a signal that comes before the start is through. */
  start(signal: AbortSignal): Promise<RunningDaemon>;
}

const STOP_TIMEOUT_MS = 10_000;
/** How long handles may linger after the stop before they are named and cut. */
const LINGER_MS = 1_000;
/** A service manager signals the whole group, and the script that started us passes it on: one, not two. */
const SAME_SIGNAL_MS = 500;
const EXIT_FORCED = 1;
const EXIT_START_FAILED = 2;

export async function runDaemon(options: DaemonOptions): Promise<never> {
  const { name, logger } = options;
  const ending = new AbortController();
  let running: RunningDaemon | undefined;
  onHangUp(name, logger, () => {
    const held = ending.signal.aborted ? undefined : running;
    return held?.reload && (() => held.reload?.() as Promise<Reloaded>);
  });
  let ended: { readonly by: string; readonly atMs: number } | undefined;
  const end = (reason: string): void => {
    const atMs = performance.now();
    if (ended?.by === reason && atMs - ended.atMs < SAME_SIGNAL_MS) return;
    ended = { by: reason, atMs };
    if (ending.signal.aborted) {
      logger.warn(`${name}: second ${reason}, ending at once`);
      process.exit(EXIT_FORCED);
    }
    logger.info(`${name}: draining on ${reason}; send the signal again to end at once`);
    ending.abort(new PopmeshError('cancelled', `${reason} before the start was through`));
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  const orphaned = (): void => {
    if (!ending.signal.aborted) end('loss of the parent');
  };
  if (process.connected) process.once('disconnect', orphaned);
  // Started by a parent that was gone before we were loaded: its end was told to nobody.
  else if (process.send !== undefined) orphaned();
  // A daemon with a broken invariant must not go on serving: its supervisor starts a fresh one.
  const die = (kind: string) => (error: unknown) => {
    logger.error(`${name}: ${kind}`, { error });
    process.exit(EXIT_FORCED);
  };
  process.on('uncaughtException', die('uncaught exception'));
  process.on('unhandledRejection', die('unhandled rejection'));

  try {
    running = await options.start(ending.signal);
  } catch (caught) {
    // Else the end of this process would be reported as that of the parent.
    process.off('disconnect', orphaned);
    if (ending.signal.aborted) return finish(options, 0);
    const error = PopmeshError.from(caught);
    logger.error(`${name}: could not start`, { error });
    tellPerson(name, error);
    return finish(options, EXIT_START_FAILED, { type: 'failed', error: error.toJSON() });
  }
  // A parent that goes away at this very moment is no error: `disconnect` tells of it.
  if (process.connected) process.send?.({ type: 'ready', ...running.ready }, () => {});
  const held = running;
  tellReady(options, held, ending.signal);

  const never = new Promise<never>(() => {});
  const lost = await Promise.race([aborted(ending.signal), held.whenLost ?? never]);
  if (lost instanceof PopmeshError) return endLost(options, held, lost);
  await step(options, 'drain', options.drainTimeoutMs, () => held.drain?.());
  const stopped = await step(options, 'stop', options.stopTimeoutMs ?? STOP_TIMEOUT_MS, () =>
    held.stop(),
  );
  logger.info(`${name}: stopped`);
  return finish(options, stopped ? 0 : EXIT_FORCED);
}

/** Now, or when it is at last. */
function tellReady(
  { name, logger }: DaemonOptions,
  held: RunningDaemon,
  signal: AbortSignal,
): void {
  const tell = (): void => {
    const facts = { ready: held.ready, startedInMs: Math.round(performance.now()) };
    if (!signal.aborted) logger.info(`${name}: ready`, facts);
  };
  const reason = held.notReady?.();
  if (reason === undefined) {
    tell();
    return;
  }
  logger.warn(`${name}: up, not ready yet: ${reason}`, { ready: held.ready });
  void held.whenReady?.then(() => {
    if (held.notReady?.() === undefined) tell();
  });
}

async function endLost(
  options: DaemonOptions,
  held: RunningDaemon,
  error: PopmeshError,
): Promise<never> {
  const { name, logger } = options;
  logger.error(`${name}: cannot go on`, { error });
  tellPerson(name, error);
  await step(options, 'stop', options.stopTimeoutMs ?? STOP_TIMEOUT_MS, () => held.stop());
  return finish(options, EXIT_START_FAILED, { type: 'failed', error: error.toJSON() });
}

const tellPerson = (name: string, { message, hint }: PopmeshError): boolean =>
  process.stderr.write(`${name}: ${message}\n${hint ? `hint: ${hint}\n` : ''}`);

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Each step has its own budget, and one that fails or hangs does not skip the rest. */
async function step(
  { name, logger }: DaemonOptions,
  what: string,
  budgetMs: number,
  run: () => Promise<void> | undefined,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new PopmeshError('deadline_exceeded', `not through after ${budgetMs} ms`)),
      budgetMs,
    );
  });
  try {
    await Promise.race([run(), late]);
    return true;
  } catch (error) {
    logger.error(`${name}: ${what} failed`, { error });
    return false;
  } finally {
    clearTimeout(timer);
  }
}

function finish(
  { name, logger }: DaemonOptions,
  code: number,
  lastWord: object = { type: 'stopped' },
): Promise<never> {
  process.exitCode = code;
  process.once('beforeExit', () => process.exit(code));
  setTimeout(() => {
    logger.warn(`${name}: still held after the stop`, { by: process.getActiveResourcesInfo() });
    process.exit(code);
  }, LINGER_MS).unref();
  if (process.connected) {
    process.send?.(lastWord, () => {
      if (process.connected) process.disconnect?.();
    });
  }
  return new Promise(() => {});
}
