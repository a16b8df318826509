import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, PopmeshError, type Random, type Timer } from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import type { PlannedTarget } from '../plan.ts';
import { jcoFolders } from '../prepare/jco-location.ts';
import { type CodeImage, codeImage } from './code-image.ts';
import type { ControlGroups, ExecutorGroup } from './control-groups.ts';
import { codePaths } from './executor-flags.ts';
import { EXECUTOR_ENTRY, ExecutorProcess, isKill } from './executor-process.ts';
import { closedPath, type ExecutorUser, ExecutorUsers } from './executor-user.ts';
import { Expectations } from './expectations.ts';
import { RestartPolicy } from './restart-policy.ts';
import { Stage } from './stage.ts';
import { claimUid } from './uid-claim.ts';

/**
 * Where executor processes come from. A few are started ahead, blank: booted, code loaded, a
 * blank worker in each, and made ready for what most functions have in common, so that a
 * namespace's first executor and the replacement of a killed one wait for none of that. Refilled
 * some time after one was taken, when what took it has had the cores for itself.
 */

export interface SpareExecutorsOptions {
  /** Holds the private folder of each process. */
  readonly root: string;
  /** Holds their code. */
  readonly codeRoot: string;
  readonly config: RuntimeConfig;
  /** Of the kernel, for each process one; opened by whoever made them. */
  readonly groups?: Pick<ControlGroups, 'hold'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const REFILL_AFTER_MS = 100;
/** Users of executors, where the daemon is root: more than one machine runs namespaces at once. */
const USERS_MAX = 500;
/** Spares in a row that ended before they were up: then it is their user that cannot run them. */
const FAILED_BOOTS_MAX = 2;

export class SpareExecutors {
  readonly #options: SpareExecutorsOptions;
  readonly #spares: ExecutorProcess[] = [];
  readonly #groups = new WeakMap<ExecutorProcess, ExecutorGroup>();
  /** Processes on their way in and out, which `stop` waits for. */
  readonly #moving = new Set<Promise<unknown>>();
  readonly #abort = new AbortController();
  readonly #restarts: RestartPolicy;
  readonly #expectations: Expectations;
  #users: ExecutorUsers | undefined;
  #image: Promise<CodeImage | undefined> = Promise.resolve(undefined);
  #failedBoots = 0;
  #filling = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: SpareExecutorsOptions) {
    this.#options = options;
    this.#expectations = new Expectations(options.clock, options.logger);
    const { executorRestartMs, executorRestartMaxMs } = options.config;
    this.#restarts = new RestartPolicy({ firstMs: executorRestartMs, maxMs: executorRestartMaxMs });
  }

  async start(): Promise<void> {
    const { root } = this.#options;
    // Of processes that a daemon before this one had.
    await rm(root, { recursive: true, force: true });
    // Passed through by executors, listed by none.
    await mkdir(root, { mode: 0o711 });
    await chmod(root, 0o711);
    // Whoever starts a process waits for it; the node itself need not.
    const { signal } = this.#abort;
    this.#image = codeImage(this.#options.codeRoot, signal).catch((error: unknown) => {
      if (!this.#stopped)
        this.#options.logger.warn('executors load their code as it is', { error: String(error) });
      return undefined;
    });
    this.#users = await this.#findUsers();
    this.#refill();
  }

  /** Pids of the blank ones. */
  get pids(): number[] {
    return this.#spares.flatMap(({ child }) => child.pid ?? []);
  }

  /** A blank process; whoever takes it gives it back to `gone`. */
  async take(): Promise<ExecutorProcess> {
    if (this.#stopped) throw stopping();
    // One that has ended is left to whoever hears of that.
    const at = this.#spares.findIndex((spare) => !spare.hasEnded);
    const [spare] = at < 0 ? [] : this.#spares.splice(at, 1);
    const taken = spare ?? (await this.#track(this.#create()));
    if (this.#stopped) {
      void this.gone(taken);
      throw stopping();
    }
    // Two that start side by side take twice as long, and this one is waited for.
    void taken.whenBooted.then(() => this.#refillIn(REFILL_AFTER_MS));
    return taken;
  }

  /**
   * Ends a process that was taken, unless it has ended. Its folder and its user are free from
   * then on, and not before: until then it could still read the one and act as the other.
   */
  gone(process: ExecutorProcess): Promise<void> {
    return this.#track(this.#end(process));
  }

  async #end(process: ExecutorProcess): Promise<void> {
    if (!process.hasEnded) process.child.kill('SIGKILL');
    await process.whenEnded;
    await this.#groups.get(process)?.remove();
    await process.stage.remove().catch(() => {});
    if (process.user !== undefined) this.#users?.release(process.user);
  }

  /** A function of this namespace has answered requests: blank processes may expect its like. */
  async ran(namespace: string, target: PlannedTarget): Promise<void> {
    if (!(await this.#expectations.ran(namespace, target)) || this.#stopped) return;
    for (const spare of this.#spares) void this.#track(this.#makeReady(spare));
  }

  /** A namespace serves these components and no others: of the rest nothing is expected any more. */
  keepOnly(namespace: string, directories: ReadonlySet<string>): void {
    this.#expectations.keepOnly(namespace, directories);
  }

  #makeReady(spare: ExecutorProcess): Promise<void> {
    return this.#expectations.tell(spare, () => this.#spares.includes(spare));
  }

  #track<T>(moving: Promise<T>): Promise<T> {
    const over = moving.catch(() => {});
    this.#moving.add(over);
    void over.then(() => this.#moving.delete(over));
    return moving;
  }

  /** A user for another process that works on what strangers wrote. */
  async withUser<T>(run: (user: ExecutorUser | undefined) => Promise<T>): Promise<T> {
    const user = await this.#users?.take();
    try {
      return await run(user);
    } finally {
      if (user !== undefined) this.#users?.release(user);
    }
  }

  /** Resolves when no process is on its way, in or out, and none is being made ready. */
  async idle(): Promise<void> {
    while (this.#moving.size > 0) await Promise.all(this.#moving);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#abort.abort();
    for (const spare of this.#spares.splice(0)) void this.gone(spare);
    await this.idle();
    await this.#image;
  }

  async #create(): Promise<ExecutorProcess> {
    const { root, config, random, logger } = this.#options;
    const name = Buffer.from(random.bytes(9)).toString('base64url');
    const user = await this.#users?.take();
    const path = join(root, name);
    try {
      const stage = await Stage.create(path, user);
      const image = await this.#image;
      if (this.#stopped) throw stopping();
      const made = new ExecutorProcess({ stage, user, config, image, logger });
      await this.#hold(made);
      return made;
    } catch (cause) {
      await rm(path, { recursive: true, force: true });
      if (user !== undefined) this.#users?.release(user);
      if (user === undefined || this.#stopped) throw cause;
      // Root without the right to give files away, or to become somebody else.
      this.#giveUpUsers(String(cause));
      return await this.#create();
    }
  }

  /** Before it is anybody's. */
  async #hold(made: ExecutorProcess): Promise<void> {
    const { pid } = made.child;
    const group = pid === undefined ? undefined : await this.#options.groups?.hold(pid);
    if (group !== undefined) this.#groups.set(made, group);
  }

  #refillIn(ms: number): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = this.#options.clock.setTimer(ms, () => {
      this.#timer = undefined;
      this.#refill();
    });
  }

  #refill(): void {
    const { config, logger } = this.#options;
    while (!this.#stopped && this.#spares.length + this.#filling < config.spareExecutors) {
      this.#filling++;
      this.#track(this.#fill())
        .catch((error: unknown) => {
          logger.warn('a spare executor could not be started', { error: String(error) });
          this.#refillIn(config.executorRestartMaxMs);
        })
        .finally(() => {
          this.#filling--;
        });
    }
  }

  async #fill(): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.monotonic();
    const spare = await this.#create();
    if (this.#stopped) return await this.gone(spare);
    this.#spares.push(spare);
    let booted = false;
    const whenReady = spare.whenBooted.then(async (came) => {
      booted = came;
      if (!came) return;
      this.#failedBoots = 0;
      await this.#makeReady(spare);
    });
    void this.#track(whenReady);
    void spare.whenEnded.then((exit) => {
      const at = this.#spares.indexOf(spare);
      // Whoever has taken it looks after its end.
      if (at < 0) return;
      this.#spares.splice(at, 1);
      void this.gone(spare);
      const killed = isKill(exit);
      // A kill says nothing of its user.
      if (!booted && !killed && ++this.#failedBoots >= FAILED_BOOTS_MAX) {
        this.#giveUpUsers('spares ended while they started');
      }
      const lifeMs = clock.monotonic() - startedMs;
      this.#refillIn(this.#restarts.after({ lifeMs, served: booted, killed }));
    });
  }

  /** Undefined where executors run as the daemon does. */
  async #findUsers(): Promise<ExecutorUsers | undefined> {
    const { config, logger, root } = this.#options;
    if (process.geteuid?.() !== 0) return undefined;
    if (config.executorUidFrom === 0) {
      logger.warn('executors run as root: executorUidFrom is 0');
      return undefined;
    }
    const needed = [process.execPath, EXECUTOR_ENTRY, root, ...codePaths(), ...jcoFolders()];
    const closed = await closedPath(needed);
    if (closed === undefined) {
      return new ExecutorUsers(config.executorUidFrom, USERS_MAX, claimUid);
    }
    logger.warn('executors run as root: other users cannot read what they need', {
      path: closed,
      hint: `chmod o+rX ${closed}, or run the daemon as a user of its own`,
    });
    return undefined;
  }

  #giveUpUsers(reason: string): void {
    if (this.#users === undefined) return;
    this.#users = undefined;
    this.#options.logger.warn('executors run as root: they do not start as another user', {
      reason,
    });
  }
}

const stopping = (): PopmeshError => new PopmeshError('unavailable', 'The runtime is stopping');
