import { chmod, mkdir, readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import {
  type Clock,
  type FunctionId,
  type Logger,
  type LogLevel,
  type Metrics,
  PopmeshError,
  parseFunctionId,
  type Random,
  type Startable,
  untilAborted,
} from '@popmesh/contracts';
import type { FunctionConfig } from '@popmesh/protocol';
import { type RuntimeConfig, type RuntimeConfigInput, runtimeConfigSchema } from './config.ts';
import type { ExecutorLoad, FromExecutor, UsageRow } from './executor/control.ts';
import { addUsage, emptyUsage } from './executor/usage.ts';
import { type Deployment, forTrial, type PlannedDeployment, planFunction } from './plan.ts';
import { type Artifact, type Prepared, Preparer, preparedSuffix } from './prepare/preparer.ts';
import { PreparedStore, sha256 } from './prepare/store.ts';
import { Sweeper } from './prepare/sweeper.ts';
import { RuntimeMeters } from './runtime-meters.ts';
import { ControlGroups } from './supervise/control-groups.ts';
import { groupFiles } from './supervise/group-files.ts';
import { MemoryBudget } from './supervise/memory-budget.ts';
import { memoryLimitBytes } from './supervise/memory-limit.ts';
import { SpareExecutors } from './supervise/spare-executors.ts';
import { ExecutorSupervisor } from './supervise/supervisor.ts';
import { TrialQueue } from './supervise/trial-queue.ts';
import { verdictOf } from './supervise/verdict.ts';
import { USAGE_ROWS_MAX, UsageJournal } from './usage-journal.ts';

/** The room's driver: preparing on one side, one supervised executor per namespace on the other. */

export interface FunctionLog {
  readonly timeMs: number;
  readonly function: FunctionId;
  readonly version: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly requestId: string;
}

export interface DataPlaneAddress {
  readonly namespace: string;
  readonly address: string;
}

export interface RuntimeOptions {
  /** Where prepared components are kept. */
  readonly directory: string;
  readonly identity: { readonly node: string; readonly pop: string; readonly region: string };
  readonly config?: RuntimeConfigInput;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onLog?: (entry: FunctionLog) => void;
  readonly onDataPlanesChanged?: (planes: DataPlaneAddress[]) => void;
  /** A function that was applied cannot be served any more: it keeps ending its executor. */
  readonly onFunctionLost?: (id: FunctionId, error: PopmeshError) => void;
}

/** A version that is not there yet. */
export interface Trial {
  readonly function: FunctionId;
  readonly prepared: Prepared;
  readonly config: FunctionConfig;
}

export interface ExecutorStatus {
  readonly namespace: string;
  /** Undefined while none runs. */
  readonly pid: number | undefined;
  /** Threads, blank ones counted in; 0 until its first report. */
  readonly workers: number;
  /** Of these, how many have become a function's and are ready. */
  readonly slots: number;
}

export interface Runtime extends Startable {
  /** Checks and prepares; from disk when it was done before. Refuses with the reason. */
  prepare(
    artifact: Artifact,
    limits: { readonly memoryMb: number },
    signal: AbortSignal,
  ): Promise<Prepared>;
  /**
   * Makes one instance of what is about to be deployed, with its plan, where it can harm nobody
   * else. Refuses with the reason what cannot be started; nothing stays of it.
   */
  prove(trial: Trial, signal: AbortSignal): Promise<void>;
  /** Resolves when the namespace's executor serves it. An older revision is ignored. */
  apply(deployment: Deployment): Promise<void>;
  remove(id: FunctionId): Promise<void>;
  dataPlanes(): DataPlaneAddress[];
  /** Share of this machine that is in use, 0 to 1. */
  load(): number;
  /** Totals since the start, per function and version. */
  usage(): UsageRow[];
  /** Executors by namespace, for status pages and for tests. */
  executors(): ExecutorStatus[];
  /** Pids of the blank ones, which belong to no namespace yet. */
  spareExecutors(): number[];
  /** Whether the kernel holds each executor in a group of its own, and why not; for people. */
  controlGroups(): string;
  /** Resolves when all requests are answered; new ones are still served. */
  drain(): Promise<void>;
  /** The memory limit a function gets for what it asked: default and ceiling applied. */
  memoryMb(asked: number | undefined): number;
}

export function createRuntime(options: RuntimeOptions): Runtime {
  return new NodeRuntime(options);
}

const STOP_GRACE_MS = 2_000;
/** An executor that was started for a namespace's first trial waits this long for the deploy. */
const TRIAL_KEPT_MS = 10_000;
const MB = 1024 * 1024;
/** A group's memory, of the node's budget. */
const GROUP_SHARE = 1.15;
/** What the process itself may need, beside one instance at the ceiling. */
const GROUP_BASE_MB = 512;
/** V8's and libuv's threads, and what goes while others come. */
const GROUP_BASE_THREADS = 64;
/** Of what the machine or our group has, where the configuration names no budget. */
const MEMORY_SHARE = 0.7;

class NodeRuntime implements Runtime {
  readonly #options: RuntimeOptions;
  readonly #config: RuntimeConfig;
  readonly #store: PreparedStore;
  readonly #preparer: Preparer;
  readonly #preparedRoot: string;
  readonly #sweeper: Sweeper;
  readonly #executors = new Map<string, ExecutorSupervisor>();
  /** Of namespaces that have no function any more. */
  readonly #leaving = new Set<ExecutorSupervisor>();
  readonly #usage = new Map<string, UsageRow>();
  readonly #loads = new Map<string, ExecutorLoad>();
  readonly #meters: RuntimeMeters;
  readonly #journal: UsageJournal;
  readonly #spares: SpareExecutors;
  readonly #groups: ControlGroups;
  readonly #trials: TrialQueue;
  readonly #over = new AbortController();
  #memory: MemoryBudget | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#config = runtimeConfigSchema.parse(options.config);
    this.#preparedRoot = join(options.directory, 'prepared');
    this.#store = new PreparedStore(this.#preparedRoot, options.random, () => options.clock.now());
    this.#preparer = new Preparer({
      store: this.#store,
      config: this.#config,
      clock: options.clock,
      withUser: (run) => this.#spares.withUser(run),
    });
    this.#groups = new ControlGroups({
      files: groupFiles,
      pid: process.pid,
      prefix: `popmesh-${sha256(Buffer.from(resolve(options.directory))).slice(0, 8)}-`,
      clock: options.clock,
    });
    this.#spares = new SpareExecutors({
      groups: this.#groups,
      root: join(options.directory, 'executors'),
      codeRoot: join(options.directory, 'code'),
      config: this.#config,
      clock: options.clock,
      random: options.random,
      logger: options.logger,
    });
    this.#trials = new TrialQueue({
      waitingMax: this.#config.prepareQueueMax,
      clock: options.clock,
    });
    this.#meters = new RuntimeMeters(options.metrics);
    this.#sweeper = new Sweeper({
      store: this.#store,
      unusedBytesMax: this.#config.preparedUnusedMb * MB,
      afterMs: this.#config.preparedSweepMs,
      clock: options.clock,
      logger: options.logger,
      onSwept: (swept) => this.#meters.swept(swept),
    });
    this.#journal = new UsageJournal({
      directory: join(options.directory, 'usage'),
      place: options.identity,
      filesMax: this.#config.usageFilesMax,
      rowsMax: USAGE_ROWS_MAX,
      onDropped: () => this.#meters.usageDropped(),
      clock: options.clock,
      logger: options.logger,
    });
  }

  async start(): Promise<void> {
    const { directory } = this.#options;
    // Executors of other users pass through to their own folder in here; all else is closed.
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o711);
    await this.#store.open(preparedSuffix());
    await chmod(this.#preparedRoot, 0o700);
    await this.#journal.start();
    const budgetMb = this.#config.memoryBudgetMb;
    const machineBytes = (await memoryLimitBytes(readText)) ?? totalmem();
    const budgetBytes = budgetMb > 0 ? budgetMb * MB : machineBytes * MEMORY_SHARE;
    this.#memory = new MemoryBudget(budgetBytes);
    await this.#openGroups(budgetBytes);
    await this.#spares.start();
    this.#sweeper.soon();
  }

  /** Above what the budget asks executors to give back, so that the kernel ends one only that does not. */
  async #openGroups(budgetBytes: number): Promise<void> {
    const { logger } = this.#options;
    const leastBytes = (this.#config.limits.memoryMb.ceiling + GROUP_BASE_MB) * MB;
    await this.#groups.open({
      memoryBytesMax: Math.round(Math.max(leastBytes, budgetBytes * GROUP_SHARE)),
      threadsMax: GROUP_BASE_THREADS + 2 * this.#config.workersMax,
    });
    logger.info('control groups of executors', { groups: this.#groups.description });
  }

  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      this.#over.abort();
      this.#trials.stop(new PopmeshError('unavailable', 'Stopping'));
      const prepared = Promise.all([this.#preparer.stop(), this.#sweeper.stop()]);
      const executors = [...this.#executors.values(), ...this.#leaving];
      await Promise.all(executors.map((it) => it.stop(STOP_GRACE_MS)));
      await this.#spares.stop();
      await prepared;
      await this.#journal.stop();
    })();
    return this.#stopping;
  }

  memoryMb(asked: number | undefined): number {
    const { default: fallback, ceiling } = this.#config.limits.memoryMb;
    return Math.min(asked === undefined || asked === 0 ? fallback : asked, ceiling);
  }

  async prepare(
    artifact: Artifact,
    limits: { readonly memoryMb: number },
    signal: AbortSignal,
  ): Promise<Prepared> {
    const startedMs = this.#options.clock.monotonic();
    const outcome = await this.#preparer
      .prepare(artifact, this.memoryMb(limits.memoryMb), signal)
      .catch((caught: unknown) => PopmeshError.from(caught));
    const failed = outcome instanceof PopmeshError;
    this.#meters.prepared(
      this.#options.clock.monotonic() - startedMs,
      failed ? outcome.code : 'ok',
    );
    if (failed) throw outcome;
    this.#sweeper.soon();
    return outcome;
  }

  async prove({ function: id, prepared, config }: Trial, signal: AbortSignal): Promise<void> {
    if (this.#stopping !== undefined) throw new PopmeshError('unavailable', 'Stopping');
    const target = { version: 0, weight: 100, prepared, config };
    const planned = forTrial(this.#plan({ function: id, revision: 0n, targets: [target] }));
    const { namespace } = parseFunctionId(id);
    const key = sha256(Buffer.from(JSON.stringify(planned)));
    await this.#trials.run(namespace, key, signal, async (ended) => {
      const startedMs = this.#options.clock.monotonic();
      try {
        await this.#try(namespace, planned, ended);
      } catch (error) {
        throw ended.aborted ? ended.reason : verdictOf(error, prepared.memoryMb);
      } finally {
        this.#meters.tried(this.#options.clock.monotonic() - startedMs);
      }
    });
  }

  /**
   * Where the namespace has no executor yet, in the one that it will have: nothing runs there that
   * could be harmed. Else in a process of its own, which then ends, so that what crashes it takes no
   * live version along.
   */
  async #try(namespace: string, planned: PlannedDeployment, signal: AbortSignal): Promise<void> {
    const isFirst = !this.#executors.has(namespace);
    const executor = isFirst ? this.#executorOf(namespace) : this.#makeExecutor(namespace, false);
    if (!isFirst) this.#leaving.add(executor);
    const tried = executor.try(planned);
    try {
      await untilAborted(tried, signal);
    } finally {
      // Who goes away leaves none that runs on: with it there would be more than may run.
      const isGivenUp = signal.aborted && executor.functions <= 1;
      if (isFirst && !isGivenUp) void this.#keepAfterTrial(namespace, executor, tried);
      else void this.#end(namespace, executor, 0);
    }
  }

  async #keepAfterTrial(
    namespace: string,
    executor: ExecutorSupervisor,
    tried: Promise<void>,
  ): Promise<void> {
    try {
      await tried;
      await this.#options.clock.sleep(TRIAL_KEPT_MS, this.#over.signal);
    } catch {
      // It failed, and nothing comes after it; or all ends.
    }
    await this.#retireUnused(namespace, executor);
  }

  async apply(deployment: Deployment): Promise<void> {
    if (this.#stopping !== undefined) throw new PopmeshError('unavailable', 'Stopping');
    const { namespace } = parseFunctionId(deployment.function);
    const executor = this.#executorOf(namespace);
    const directories = deployment.targets.map(({ prepared }) => prepared.directory);
    this.#sweeper.toBeServed(directories);
    try {
      await executor.apply(this.#plan(deployment));
      this.#meters.serves(deployment.function);
      this.#sweeper.served(deployment.function, directories);
    } catch (error) {
      void this.#retireUnused(namespace, executor);
      throw error;
    }
  }

  async remove(id: FunctionId): Promise<void> {
    const { namespace } = parseFunctionId(id);
    const executor = this.#executors.get(namespace);
    this.#meters.removed(id);
    if (executor === undefined) return;
    await executor.remove(id);
    this.#sweeper.served(id, []);
    await this.#retireUnused(namespace, executor);
  }

  /** The namespace may have another executor by now, which is none of our business here. */
  async #retireUnused(namespace: string, executor: ExecutorSupervisor): Promise<void> {
    if (executor.functions > 0 || this.#executors.get(namespace) !== executor) return;
    await this.#end(namespace, executor, STOP_GRACE_MS);
  }

  async #end(namespace: string, executor: ExecutorSupervisor, graceMs: number): Promise<void> {
    this.#leaving.add(executor);
    if (this.#executors.get(namespace) === executor) {
      this.#executors.delete(namespace);
      this.#forgetLoad(namespace);
      this.#announce();
    }
    if (graceMs > 0) await executor.drain().catch(() => {});
    await executor.stop(graceMs);
    this.#leaving.delete(executor);
  }

  #forgetLoad(namespace: string): void {
    this.#loads.delete(namespace);
    this.#memory?.forget(namespace);
    this.#meters.ended(namespace);
  }

  dataPlanes(): DataPlaneAddress[] {
    const planes: DataPlaneAddress[] = [];
    for (const [namespace, executor] of this.#executors) {
      if (executor.address !== undefined) planes.push({ namespace, address: executor.address });
    }
    return planes;
  }

  executors(): ExecutorStatus[] {
    return [...this.#executors].map(([namespace, { pid }]) => ({
      namespace,
      pid,
      workers: this.#loads.get(namespace)?.workers ?? 0,
      slots: this.#loads.get(namespace)?.slots ?? 0,
    }));
  }

  spareExecutors(): number[] {
    return this.#spares.pids;
  }

  controlGroups(): string {
    return this.#groups.description;
  }

  load(): number {
    let cores = 0;
    let fullest = 0;
    for (const load of this.#loads.values()) {
      cores += load.cpuCores;
      if (load.capacity > 0) {
        fullest = Math.max(fullest, (load.running + load.queued) / load.capacity);
      }
    }
    return Math.min(1, Math.max(cores / availableParallelism(), fullest));
  }

  usage(): UsageRow[] {
    return [...this.#usage.values()].map((row) => ({ ...row }));
  }

  async drain(): Promise<void> {
    this.#trials.stop(new PopmeshError('draining', 'This node is being stopped'));
    await Promise.all([...this.#executors.values()].map((executor) => executor.drain()));
  }

  #plan(deployment: Deployment): PlannedDeployment {
    return {
      function: deployment.function,
      revision: String(deployment.revision),
      warm: deployment.warm ?? true,
      targets: deployment.targets.map(({ version, weight, prepared, config }) => ({
        version,
        weight,
        digest: prepared.digest,
        door: prepared.door,
        directory: prepared.directory,
        plan: planFunction(config, prepared.door, prepared.memoryMb, this.#config),
      })),
    };
  }

  #executorOf(namespace: string): ExecutorSupervisor {
    let executor = this.#executors.get(namespace);
    if (executor === undefined) {
      executor = this.#makeExecutor(namespace, true);
      this.#executors.set(namespace, executor);
    }
    return executor;
  }

  #makeExecutor(namespace: string, listens: boolean): ExecutorSupervisor {
    const isCurrent = (): boolean => this.#executors.get(namespace) === made;
    const made = new ExecutorSupervisor({
      namespace,
      place: this.#options.identity,
      source: this.#spares,
      config: this.#config,
      clock: this.#options.clock,
      logger: this.#options.logger.child({ namespace }),
      listens,
      onAddress: () => this.#announce(),
      onEnded: () => {
        if (isCurrent()) this.#forgetLoad(namespace);
      },
      onDamaged: (directory) => this.#preparer.repair(directory, this.#over.signal),
      onLost: (id, error) => this.#options.onFunctionLost?.(id, error),
      onMessage: (message) => this.#receive(namespace, message, isCurrent()),
    });
    return made;
  }

  #announce(): void {
    if (this.#stopping === undefined) this.#options.onDataPlanesChanged?.(this.dataPlanes());
  }

  /** One that is on its way out still says what was used, and no longer how it is. */
  #receive(namespace: string, message: FromExecutor, isCurrent: boolean): void {
    if (message.type === 'logs') {
      for (const entry of message.entries) this.#options.onLog?.(entry);
      this.#meters.logsDropped(message.dropped);
    } else if (message.type === 'usage') {
      for (const row of message.rows) {
        const key = `${row.function}@${row.version}`;
        const total = this.#usage.get(key) ?? emptyUsage(row.function, row.version);
        addUsage(total, row);
        this.#usage.set(key, total);
        this.#meters.used(row);
        this.#journal.add(row);
      }
      if (!isCurrent) return;
      this.#loads.set(namespace, message.load);
      this.#meters.load(namespace, message.load);
      this.#relieve(namespace, message.load);
    }
  }

  /** Memory of the whole node: the idle instances of one namespace make room for another's. */
  #relieve(namespace: string, load: ExecutorLoad): void {
    for (const [name, ask] of this.#memory?.report(namespace, load) ?? []) {
      this.#executors.get(name)?.relieve({ type: 'memory', ...ask });
      this.#meters.relieved(ask.end);
      this.#options.logger.debug('memory of this node is short', { namespace: name, ...ask });
    }
  }
}

const readText = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch(() => undefined);
