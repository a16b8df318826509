import {
  type Clock,
  type FunctionId,
  type Logger,
  PopmeshError,
  type Timer,
} from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import type { FromExecutor, ToExecutor, UsageRow } from '../executor/control.ts';
import type { PlannedDeployment, PlannedTarget } from '../plan.ts';
import { WALL_FACTOR } from '../prepare/child-time.ts';
import { ExecutorCalls } from './executor-calls.ts';
import { type ExecutorExit, type ExecutorProcess, isKill } from './executor-process.ts';
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
  /** No for one that only tries what is to be deployed. */
  readonly listens?: boolean;
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
/** Processes that one trial may end. */
const TRIES_MAX = 2;
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
  /** Deployments on their way that were not accepted yet. */
  #applying = 0;
  #stopping: Promise<void> | undefined;
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

  /** Those on their way counted in: while there is one, this executor is needed. */
  get functions(): number {
    return this.#accepted.size + this.#applying;
  }

  get #stopped(): boolean {
    return this.#stopping !== undefined;
  }

  async apply(deployment: PlannedDeployment): Promise<void> {
    this.#applying++;
    try {
      await this.#applyNew(deployment);
    } finally {
      this.#applying--;
    }
  }

  async #applyNew(deployment: PlannedDeployment): Promise<void> {
    const id = deployment.function;
    this.#suspects.clear(id);
    // As often as it takes for kills, which count half, to make it poison.
    for (let left = 2 * this.#options.config.poisonCrashesMax; ; left--) {
      try {
        await this.#up();
        await this.#apply(deployment);
        this.#accepted.set(id, { ...deployment, warm: false });
        this.#clean();
        return;
      } catch (caught) {
        const error = PopmeshError.from(caught);
        if (isEnd(error) && this.#suspects.isPoison(id)) throw poisonError();
        if (!isEnd(error) || this.#stopped || left <= 1) throw error;
      }
    }
  }

  /**
   * Whether an instance can be made of it, without a trace of the try. A process that ends meanwhile
   * gets one more chance, since its end may come from outside.
   */
  async try(deployment: PlannedDeployment): Promise<void> {
    this.#applying++;
    try {
      for (let left = TRIES_MAX; ; left--) {
        try {
          await this.#up();
          const targets = await this.#staged(deployment);
          return await this.#call({ type: 'try', deployment: { ...deployment, targets } });
        } catch (caught) {
          const error = PopmeshError.from(caught);
          if (!isEnd(error) || this.#stopped || left <= 1) throw error;
        }
      }
    } finally {
      this.#applying--;
      this.#clean();
    }
  }

  async remove(id: FunctionId): Promise<void> {
    this.#accepted.delete(id);
    this.#recency.delete(id);
    if (this.#process !== undefined) {
      await this.#call({ type: 'remove', function: id }).catch(() => {});
    }
    this.#clean();
  }

  async drain(): Promise<void> {
    if (this.#process !== undefined) await this.#call({ type: 'drain' });
  }

  /** Asks it to end some of its idle instances, and not to start any while nothing is left. */
  relieve(message: Extract<ToExecutor, { type: 'memory' }>): void {
    this.#process?.send(message);
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    this.#abort.abort();
    this.#withdrawal?.cancel();
    const { source, clock } = this.#options;
    const starting = this.#ready;
    if (this.#last !== undefined) void source.gone(this.#last);
    this.#last = undefined;
    const process = this.#process;
    if (process !== undefined) {
      process.child.kill('SIGTERM');
      const timer = clock.setTimer(graceMs, () => process.child.kill('SIGKILL'));
      // Its last report comes before.
      await process.whenEnded;
      timer.cancel();
      await source.gone(process);
    }
    await starting?.catch(() => {});
  }

  /** The running process, started when there is none. */
  async #up(): Promise<void> {
    if (this.#stopped) throw new PopmeshError('unavailable', 'The runtime is stopping');
    await (this.#ready ?? this.#startAfter(0));
  }

  /** `before` is a start that the same end cut short: it may still be moving files. */
  #startAfter(delayMs: number, before?: Promise<void>): Promise<void> {
    const { clock, logger } = this.#options;
    const ready = (async () => {
      await before?.catch(() => {});
      if (delayMs > 0) await clock.sleep(delayMs, this.#abort.signal);
      await this.#start();
    })();
    this.#ready = ready;
    ready.catch((error: unknown) => {
      if (this.#stopped) return;
      logger.warn('executor did not start', { error: String(error) });
      // Where a process came, it is its end that begins the next start.
      if (this.#ready !== ready || this.#process !== undefined) return;
      this.#ready = undefined;
      if (this.#accepted.size === 0) return;
      this.#startAfter(this.#restarts.after({ lifeMs: 0, served: false, killed: false }));
    });
    return ready;
  }

  async #start(): Promise<void> {
    const { namespace, place, config, clock, source, logger } = this.#options;
    if (this.#stopped) throw new PopmeshError('unavailable', 'The runtime is stopping');
    const process = await source.take();
    if (this.#stopped) {
      await source.gone(process);
      throw new PopmeshError('unavailable', 'The runtime is stopping');
    }
    const { child } = process;
    const startedMs = clock.monotonic();
    this.#process = process;
    process.logger = logger;
    child.on('message', (message) => this.#receive(message as FromExecutor));
    void process.whenEnded.then((exit) => this.#onEnd(process, exit, startedMs));
    const deadline = clock.setTimer(config.executorStartMs, () => child.kill('SIGKILL'));
    const before = this.#last;
    this.#last = undefined;
    try {
      if (before !== undefined) await this.#inherit(process, before);
      process.send({ type: 'init', namespace, ...place, port: this.#port, config });
      process.send({ type: 'suspect', functions: this.#suspects.all });
      await Promise.all(this.#accepted.values().map((it) => this.#applyAgain(it)));
      if (this.#options.listens !== false) await this.#call({ type: 'open' });
    } catch (error) {
      // Half started it would stand for nothing, and in the way of the next.
      child.kill('SIGKILL');
      throw error;
    } finally {
      deadline.cancel();
    }
    if (before !== undefined) this.#warm(process);
  }

  /** Without the files of the one before, each is linked again. */
  async #inherit(process: ExecutorProcess, before: ExecutorProcess): Promise<void> {
    const { source, logger } = this.#options;
    try {
      await process.stage.inherit(before.stage);
    } catch (error) {
      logger.warn('files could not be taken over', { error: String(error) });
    } finally {
      void source.gone(before);
    }
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

  /** In a process that takes over. One that cannot be had any more does not keep the others out. */
  async #applyAgain(deployment: PlannedDeployment): Promise<void> {
    const id = deployment.function;
    const isWanted = (): boolean => this.#accepted.get(id) === deployment;
    try {
      await this.#apply(deployment, isWanted);
    } catch (caught) {
      const error = PopmeshError.from(caught);
      if (isEnd(error)) throw error;
      this.#options.logger.error('a function cannot be served again', { function: id, error });
      if (isWanted()) this.#lose(id, error);
    }
  }

  #lose(id: FunctionId, error: PopmeshError): void {
    if (!this.#accepted.delete(id)) return;
    this.#clean();
    this.#options.onLost(id, error);
  }

  /** `isWanted` is asked when its files are there: it may have been removed meanwhile. */
  async #apply(deployment: PlannedDeployment, isWanted = (): boolean => true): Promise<void> {
    const targets = await this.#staged(deployment);
    if (isWanted()) await this.#call({ type: 'apply', deployment: { ...deployment, targets } });
  }

  /** As the process finds them. */
  async #staged(deployment: PlannedDeployment): Promise<PlannedTarget[]> {
    const process = this.#process;
    if (process === undefined) throw endedError('unknown');
    const targets = await Promise.all(
      deployment.targets.map(async (target) => ({
        ...target,
        directory: await process.stage.add(target.directory),
      })),
    ).catch((error: unknown) => {
      throw this.#process === process ? error : endedError('unknown');
    });
    if (this.#process !== process) throw endedError('unknown');
    return targets;
  }

  /** Files of versions that nobody serves any more. */
  #clean(): void {
    const { clock, logger, namespace, source } = this.#options;
    const used = this.#accepted.values().flatMap(({ targets }) => targets);
    const directories = new Set(used.map(({ directory }) => directory));
    source.keepOnly(namespace, directories);
    this.#process?.stage.keepOnly(directories, clock.monotonic()).catch((error: unknown) => {
      logger.warn('files of an old version could not be removed', { error: String(error) });
    });
  }

  #call(message: CallMessage): Promise<void> {
    const { config } = this.#options;
    const limitMs = limitOf(message.type, config);
    const process = this.#process;
    // To one that has ended it fails when that is heard, together with all the others.
    if (process === undefined) return Promise.reject(endedError('unknown'));
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
        for (const row of message.rows) this.#used(row);
        break;
    }
    this.#options.onMessage(message);
  }

  #used({ function: id, version, requests, errors }: UsageRow): void {
    const deployment = this.#accepted.get(id);
    if (deployment === undefined || requests === 0) return;
    this.#recency.used(id);
    const target = deployment.targets.find((it) => it.version === version);
    if (target === undefined || requests === errors) return;
    // What cannot be read any more is of no use to others.
    this.#options.source.ran(this.#options.namespace, target).catch(() => {});
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

  #onEnd(process: ExecutorProcess, { code, signal }: ExecutorExit, startedMs: number): void {
    const { clock, logger, source } = this.#options;
    const starting = this.#ready;
    this.#process = undefined;
    this.#ready = undefined;
    const served = this.#listening;
    this.#listening = false;
    const killed = isKill({ code, signal });
    for (const id of this.#suspects.crashed(killed)) {
      logger.error('a function keeps ending its executor and is given up', { function: id });
      this.#lose(id, poisonError());
    }
    this.#calls.failAll(endedError(code ?? signal ?? 'unknown'));
    this.#options.onEnded();
    if (this.#stopped) return;
    this.#withdrawal ??= clock.setTimer(ADDRESS_KEPT_MS, () => {
      this.#withdrawal = undefined;
      this.#address = undefined;
      this.#options.onAddress();
    });
    const lifeMs = clock.monotonic() - startedMs;
    const delayMs = this.#restarts.after({ lifeMs, served, killed });
    logger.warn('executor ended; another takes over', { code, signal, delayMs });
    if (this.#accepted.size === 0) void source.gone(process);
    else {
      this.#last = process;
      this.#startAfter(delayMs, starting);
    }
  }
}

/** A distribution of `Omit` over the messages that are answered. */
type CallMessage = ToExecutor extends infer M
  ? M extends { callId: number }
    ? Omit<M, 'callId'>
    : never
  : never;

function limitOf(type: CallMessage['type'], config: RuntimeConfig): number {
  if (type === 'drain') return config.drainDeadlineMs;
  // A start is bounded from within, by what its thread spends.
  const startMs = type === 'try' ? WALL_FACTOR * config.slotStartMs : 0;
  return config.applyDeadlineMs + startMs;
}

const endedError = (exit: string | number): PopmeshError =>
  new PopmeshError('executor_failed', 'The executor process ended', {
    details: { ended: true, exit },
  });

/** `poison` tells it from an executor that ended for another reason: this will happen again. */
const poisonError = (): PopmeshError =>
  new PopmeshError('executor_failed', 'It ends its executor when it starts', {
    details: { poison: true },
  });

const isEnd = (error: PopmeshError): boolean =>
  error.code === 'executor_failed' && error.details.ended === true;
