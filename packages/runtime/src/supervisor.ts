import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Clock, type FunctionId, type Logger, PopmeshError } from '@popmesh/contracts';
import type { RuntimeConfig } from './config.ts';
import type { FromExecutor, ToExecutor } from './executor/control.ts';
import { executorFlags } from './executor-flags.ts';
import type { PlannedDeployment } from './plan.ts';

/**
 * Keeps one namespace's executor process alive: starts it, speaks to it, starts it again
 * when it ends, with everything it served loaded before it listens. A deployment that was
 * being loaded at two ends in a row is taken for poison and given up. Refused: `daemon`'s
 * general supervisor, which knows nothing of deployments or of an address to keep.
 */

export interface SupervisorOptions {
  readonly namespace: string;
  readonly place: { readonly node: string; readonly pop: string; readonly region: string };
  readonly preparedRoot: string;
  readonly config: RuntimeConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onAddress: () => void;
  /** Given up as poison. */
  readonly onLost: (id: FunctionId, error: PopmeshError) => void;
  readonly onMessage: (message: FromExecutor) => void;
}

interface Call {
  readonly resolve: () => void;
  readonly reject: (error: PopmeshError) => void;
}

/** A distribution of `Omit` over the messages that are answered. */
type CallMessage = ToExecutor extends infer M
  ? M extends { callId: number }
    ? Omit<M, 'callId'>
    : never
  : never;

const ENTRY = fileURLToPath(new URL('./executor/main.ts', import.meta.url));
const STDERR_LINE_MAX = 4_000;
/** An executor that lived this long starts its back-off anew. */
const STABLE_MS = 10_000;

export class ExecutorSupervisor {
  readonly #options: SupervisorOptions;
  readonly #accepted = new Map<FunctionId, PlannedDeployment>();
  readonly #crashes = new Map<FunctionId, number>();
  /** Whose code is being started right now: who to suspect when the process ends. */
  readonly #loading = new Set<FunctionId>();
  readonly #calls = new Map<number, Call>();
  #child: ChildProcess | undefined;
  #ready: Promise<void> | undefined;
  #address: string | undefined;
  #port = 0;
  #lastCallId = 0;
  #restarts = 0;
  #stopped = false;
  readonly #abort = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Undefined while it does not listen. */
  get address(): string | undefined {
    return this.#address;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get functions(): number {
    return this.#accepted.size;
  }

  async apply(deployment: PlannedDeployment): Promise<void> {
    const id = deployment.function;
    this.#crashes.delete(id);
    for (;;) {
      await this.#up();
      try {
        await this.#call({ type: 'apply', deployment });
        this.#accepted.set(id, { ...deployment, warm: false });
        return;
      } catch (caught) {
        const error = PopmeshError.from(caught);
        const ended = error.code === 'executor_failed' && error.details.ended === true;
        if (!ended || this.#stopped || this.#isPoison(id)) throw error;
      }
    }
  }

  async remove(id: FunctionId): Promise<void> {
    this.#accepted.delete(id);
    if (this.#child !== undefined)
      await this.#call({ type: 'remove', function: id }).catch(() => {});
  }

  async drain(): Promise<void> {
    if (this.#child !== undefined) await this.#call({ type: 'drain' });
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#abort.abort();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
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

  /** The running process, started when there is none. */
  async #up(): Promise<void> {
    if (this.#stopped) throw new PopmeshError('unavailable', 'The runtime is stopping');
    this.#ready ??= this.#start();
    await this.#ready;
  }

  async #start(): Promise<void> {
    const { namespace, place, config, clock, preparedRoot } = this.#options;
    const startedMs = clock.monotonic();
    const child = fork(ENTRY, [], {
      execArgv: executorFlags(preparedRoot, config),
      env: {},
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.on('message', (message) => this.#receive(message as FromExecutor));
    child.on('error', (error) => this.#options.logger.warn('executor', { error: error.message }));
    this.#logOutput(child);
    child.once('exit', (code, signal) => this.#onExit(child, code, signal, startedMs));
    child.send({ type: 'init', namespace, ...place, port: this.#port, config });
    const deadline = clock.setTimer(config.executorStartMs, () => child.kill('SIGKILL'));
    try {
      await this.#restore();
      await this.#call({ type: 'open' });
    } finally {
      deadline.cancel();
    }
  }

  /** Everything it served before, by route only: the first request starts an instance. */
  async #restore(): Promise<void> {
    await Promise.all(
      [...this.#accepted.values()].map((deployment) => this.#call({ type: 'apply', deployment })),
    );
  }

  #isPoison(id: FunctionId): boolean {
    return (this.#crashes.get(id) ?? 0) >= this.#options.config.poisonCrashesMax;
  }

  #call(message: CallMessage): Promise<void> {
    const callId = ++this.#lastCallId;
    const { clock, config } = this.#options;
    const limitMs = message.type === 'drain' ? config.drainDeadlineMs : config.applyDeadlineMs;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(limitMs, () => {
        this.#calls.delete(callId);
        reject(
          new PopmeshError('deadline_exceeded', `The executor did not ${message.type} in time`),
        );
      });
      this.#calls.set(callId, {
        resolve: () => {
          timer.cancel();
          resolve();
        },
        reject: (error) => {
          timer.cancel();
          reject(error);
        },
      });
      // A process that is gone answers by its exit.
      this.#child?.send({ ...message, callId }, () => {});
    });
  }

  #receive(message: FromExecutor): void {
    if (message.type === 'done') {
      const call = this.#calls.get(message.callId);
      this.#calls.delete(message.callId);
      if (message.error === undefined) call?.resolve();
      else call?.reject(PopmeshError.fromJSON(message.error));
      return;
    }
    if (message.type === 'slot') {
      if (message.state === 'starting') this.#loading.add(message.function);
      else {
        this.#loading.delete(message.function);
        this.#crashes.delete(message.function);
      }
      return;
    }
    if (message.type === 'listening') {
      this.#address = message.address;
      this.#port = message.port;
      this.#options.onAddress();
    }
    this.#options.onMessage(message);
  }

  #onExit(
    child: ChildProcess,
    code: number | null,
    signal: string | null,
    startedMs: number,
  ): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#ready = undefined;
    const wasListening = this.#address !== undefined;
    this.#address = undefined;
    for (const id of this.#loading) {
      this.#crashes.set(id, (this.#crashes.get(id) ?? 0) + 1);
      if (!this.#isPoison(id)) continue;
      this.#options.logger.error('a function keeps ending its executor and is given up', {
        function: id,
      });
      const poison = new PopmeshError('executor_failed', 'It ends its executor when it starts');
      if (this.#accepted.delete(id)) this.#options.onLost(id, poison);
    }
    this.#loading.clear();
    const error = new PopmeshError('executor_failed', 'The executor process ended', {
      details: { ended: true, exit: code ?? signal ?? 'unknown' },
    });
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
    if (wasListening) this.#options.onAddress();
    if (this.#stopped) return;
    const { clock, logger, config } = this.#options;
    if (clock.monotonic() - startedMs > STABLE_MS) this.#restarts = 0;
    const waitMs = Math.min(
      config.executorRestartMs * 2 ** this.#restarts,
      config.executorRestartMaxMs,
    );
    // The first end restarts at once.
    const delayMs = this.#restarts++ === 0 ? 0 : waitMs;
    logger.warn('executor ended; starting it again', { code, signal, delayMs });
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

  #logOutput(child: ChildProcess): void {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        const text = bytes.toString('utf8').slice(0, STDERR_LINE_MAX);
        this.#options.logger.warn('executor output', { text });
      });
    }
  }
}
