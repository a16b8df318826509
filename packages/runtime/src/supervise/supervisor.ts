import {
  type Clock,
  type FunctionId,
  type Logger,
  PopmeshError,
  type Timer,
} from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import type { FromExecutor, ToExecutor } from '../executor/control.ts';
import type { PlannedDeployment } from '../plan.ts';
import { ExecutorCalls } from './executor-calls.ts';
import type { ExecutorProcess } from './executor-process.ts';
import { Recency } from './recency.ts';
import { RestartPolicy } from './restart-policy.ts';
import type { SpareExecutors } from './spare-executors.ts';
import { Suspects } from './suspects.ts';

/**
 * Keeps one namespace's executor process alive: takes a blank one, speaks to it, takes another
 * when it ends, with every route that it served set before it listens and the functions used
 * last warmed right after. A function that was being started at two ends in a row is taken for
 * poison and given up. Refused: `daemon`'s general supervisor, which knows nothing of
 * deployments or of an address to keep.
 */

export interface SupervisorOptions {
  readonly namespace: string;
  readonly place: { readonly node: string; readonly pop: string; readonly region: string };
  readonly source: SpareExecutors;
  readonly config: RuntimeConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onAddress: () => void;
  /** A process of it ended; another may take over. */
  readonly onEnded: () => void;
  /** What was prepared there is damaged: resolves when it is whole again. */
  readonly onDamaged: (directory: string) => Promise<void>;
  /** Given up as poison. */
  readonly onLost: (id: FunctionId, error: PopmeshError) => void;
  readonly onMessage: (message: FromExecutor) => void;
}

/** An address is kept this long over an end: mostly the next process has it by then. */
const ADDRESS_KEPT_MS = 100;
/** Functions that get an instance right after a restart. */
const WARMED_MAX = 8;

export class ExecutorSupervisor {
  readonly #options: SupervisorOptions;
  readonly #accepted = new Map<FunctionId, PlannedDeployment>();
  readonly #suspects: Suspects;
  readonly #recency = new Recency();
  readonly #calls: ExecutorCalls;
  readonly #restarts: RestartPolicy;
  #process: ExecutorProcess | undefined;
  /** The one before, until its folder is taken over. */
  #last: ExecutorProcess | undefined;
  #ready: Promise<void> | undefined;
  #address: string | undefined;
  #listening = false;
  #withdrawal: Timer | undefined;
  #port = 0;
  #stopped = false;
  readonly #abort = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { config, clock } = options;
    this.#suspects = new Suspects(config.poisonCrashesMax);
    this.#calls = new ExecutorCalls(clock);
    this.#restarts = new RestartPolicy({
      firstMs: config.executorRestartMs,
      maxMs: config.executorRestartMaxMs,
    });
  }

  /** Undefined when it does not listen, and is not about to do so again. */
  get address(): string | undefined {
    return this.#address;
  }

  get pid(): number | undefined {
    return this.#process?.child.pid;
  }

  get functions(): number {
    return this.#accepted.size;
  }

  async apply(deployment: PlannedDeployment): Promise<void> {
    const id = deployment.function;
    this.#suspects.clear(id);
    for (;;) {
      await this.#up();
      try {
        await this.#apply(deployment);
        this.#accepted.set(id, { ...deployment, warm: false });
        this.#clean();
        return;
      } catch (caught) {
        const error = PopmeshError.from(caught);
        const ended = error.code === 'executor_failed' && error.details.ended === true;
        if (!ended || this.#stopped || this.#suspects.isPoison(id)) throw error;
      }
    }
  }

  async remove(id: FunctionId): Promise<void> {
    this.#accepted.delete(id);
    this.#recency.delete(id);
    if (this.#process === undefined) return;
    await this.#call({ type: 'remove', function: id }).catch(() => {});
    this.#clean();
  }

  async drain(): Promise<void> {
    if (this.#process !== undefined) await this.#call({ type: 'drain' });
  }

  /** Asks it to end some of its idle instances, and not to start any while nothing is left. */
  relieve(message: Extract<ToExecutor, { type: 'memory' }>): void {
    this.#process?.send(message);
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#abort.abort();
    this.#withdrawal?.cancel();
    const process = this.#process;
    if (this.#last !== undefined) void this.#options.source.gone(this.#last);
    this.#last = undefined;
    if (process === undefined) return;
    const { child } = process;
    if (!process.hasEnded) {
      // Its last report may still be in the channel when it has ended.
      const gone = Promise.all(
        ['exit', ...(child.connected ? ['disconnect'] : [])].map(
          (event) => new Promise<void>((resolve) => child.once(event, () => resolve())),
        ),
      );
      child.kill('SIGTERM');
      const timer = this.#options.clock.setTimer(graceMs, () => child.kill('SIGKILL'));
      await gone;
      timer.cancel();
    }
    await this.#options.source.gone(process);
  }

  /** The running process, started when there is none. */
  async #up(): Promise<void> {
    if (this.#stopped) throw new PopmeshError('unavailable', 'The runtime is stopping');
    this.#ready ??= this.#start();
    await this.#ready;
  }

  async #start(): Promise<void> {
    const { namespace, place, config, clock, source, logger } = this.#options;
    const process = await source.take();
    if (this.#stopped) {
      process.child.kill('SIGKILL');
      void source.gone(process);
      throw new PopmeshError('unavailable', 'The runtime is stopping');
    }
    const { child } = process;
    const startedMs = clock.monotonic();
    this.#process = process;
    process.logger = logger;
    child.on('message', (message) => this.#receive(message as FromExecutor));
    child.once('exit', (code, signal) => this.#onExit(process, code, signal, startedMs));
    let isRestart = false;
    const deadline = clock.setTimer(config.executorStartMs, () => child.kill('SIGKILL'));
    try {
      // It may have ended before anybody listened; then no exit will be heard.
      if (process.hasEnded) this.#onExit(process, child.exitCode, child.signalCode, startedMs);
      const before = this.#last;
      this.#last = undefined;
      isRestart = before !== undefined;
      if (before !== undefined) {
        await process.stage.inherit(before.stage);
        void source.gone(before);
      }
      process.send({ type: 'init', namespace, ...place, port: this.#port, config });
      process.send({ type: 'suspect', functions: this.#suspects.all });
      await Promise.all(this.#accepted.values().map((deployment) => this.#apply(deployment)));
      await this.#call({ type: 'open' });
    } finally {
      deadline.cancel();
    }
    if (isRestart) this.#warm(process);
  }

  /**
   * The one used last first, and then those that are never to be without an instance. By route
   * alone every first request would wait for one.
   */
  #warm(process: ExecutorProcess): void {
    const known = (id: FunctionId): boolean => this.#accepted.has(id) && !this.#suspects.has(id);
    const used = this.#recency.latest().filter(known).slice(0, WARMED_MAX);
    const standing = this.#accepted
      .values()
      .filter(({ targets }) => targets.some(({ plan }) => plan.scaling.min > 0))
      .map((deployment) => deployment.function)
      .filter(known);
    const functions = [...new Set([...used, ...standing])];
    if (functions.length > 0) process.send({ type: 'warm', functions });
  }

  async #apply(deployment: PlannedDeployment): Promise<void> {
    const process = this.#process;
    if (process === undefined) throw endedError('unknown');
    const targets = await Promise.all(
      deployment.targets.map(async (target) => ({
        ...target,
        directory: await process.stage.add(target.directory),
      })),
    );
    if (this.#process !== process) throw endedError('unknown');
    await this.#call({ type: 'apply', deployment: { ...deployment, targets } });
  }

  /** Files of versions that nobody serves any more. */
  #clean(): void {
    const { clock, logger } = this.#options;
    const used = this.#accepted.values().flatMap(({ targets }) => targets);
    const directories = new Set(used.map(({ directory }) => directory));
    this.#process?.stage.keepOnly(directories, clock.monotonic()).catch((error: unknown) => {
      logger.warn('files of an old version could not be removed', { error: String(error) });
    });
  }

  #call(message: CallMessage): Promise<void> {
    const { config } = this.#options;
    const limitMs = message.type === 'drain' ? config.drainDeadlineMs : config.applyDeadlineMs;
    const process = this.#process;
    if (process === undefined || process.hasEnded) return Promise.reject(endedError('unknown'));
    return this.#calls.begin(message.type, limitMs, (callId) =>
      process.send({ ...message, callId } as ToExecutor),
    );
  }

  #receive(message: FromExecutor): void {
    switch (message.type) {
      case 'done':
        this.#calls.end(message.callId, message.error);
        return;
      case 'slot':
        if (message.state === 'starting') this.#suspects.starting(message.function);
        else this.#suspects.started(message.function);
        return;
      case 'damaged':
        void this.#repair(message.directory);
        return;
      case 'listening':
        this.#listening = true;
        this.#withdrawal?.cancel();
        this.#withdrawal = undefined;
        this.#address = message.address;
        this.#port = message.port;
        this.#options.onAddress();
        return;
      case 'usage':
        for (const row of message.rows) if (row.requests > 0) this.#recency.used(row.function);
        break;
    }
    this.#options.onMessage(message);
  }

  /** A file of its folder is not what was prepared: made again, and linked again. */
  async #repair(staged: string): Promise<void> {
    const process = this.#process;
    const directory = process?.stage.sourceOf(staged);
    if (process === undefined) return;
    let error: PopmeshError | undefined;
    try {
      if (directory === undefined) throw new PopmeshError('not_found', 'No such component');
      await this.#options.onDamaged(directory);
      await process.stage.renew(directory);
    } catch (caught) {
      error = PopmeshError.from(caught);
    }
    process.send({
      type: 'repaired',
      directory: staged,
      ...(error === undefined ? {} : { error: error.toJSON() }),
    });
  }

  #onExit(
    process: ExecutorProcess,
    code: number | null,
    signal: string | null,
    startedMs: number,
  ): void {
    if (this.#process !== process) return;
    const { clock, logger } = this.#options;
    this.#process = undefined;
    this.#ready = undefined;
    const served = this.#listening;
    this.#listening = false;
    const killed = signal === 'SIGKILL' || signal === 'SIGTERM';
    for (const id of this.#suspects.crashed(killed)) {
      logger.error('a function keeps ending its executor and is given up', { function: id });
      const poison = new PopmeshError('executor_failed', 'It ends its executor when it starts');
      if (this.#accepted.delete(id)) this.#options.onLost(id, poison);
    }
    this.#calls.failAll(endedError(code ?? signal ?? 'unknown'));
    this.#options.onEnded();
    if (this.#stopped) return;
    this.#last = process;
    this.#withdrawal ??= clock.setTimer(ADDRESS_KEPT_MS, () => {
      this.#withdrawal = undefined;
      this.#address = undefined;
      this.#options.onAddress();
    });
    const lifeMs = clock.monotonic() - startedMs;
    const delayMs = this.#restarts.after({ lifeMs, served, killed });
    logger.warn('executor ended; another takes over', { code, signal, delayMs });
    if (this.#accepted.size > 0) this.#restartAfter(delayMs);
  }

  #restartAfter(delayMs: number): void {
    const { clock, logger } = this.#options;
    this.#ready = (async () => {
      if (delayMs > 0) await clock.sleep(delayMs, this.#abort.signal);
      if (!this.#stopped) await this.#start();
    })();
    this.#ready.catch((error: unknown) => {
      if (!this.#stopped) logger.warn('executor did not start', { error: String(error) });
    });
  }
}

/** A distribution of `Omit` over the messages that are answered. */
type CallMessage = ToExecutor extends infer M
  ? M extends { callId: number }
    ? Omit<M, 'callId'>
    : never
  : never;

const endedError = (exit: string | number): PopmeshError =>
  new PopmeshError('executor_failed', 'The executor process ended', {
    details: { ended: true, exit },
  });
