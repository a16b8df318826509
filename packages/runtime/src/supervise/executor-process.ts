import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import type { FromExecutor, ToExecutor } from '../executor/control.ts';
import type { SkeletonCode } from '../executor/skeleton.ts';
import type { CodeImage } from './code-image.ts';
import { executorFlags } from './executor-flags.ts';
import type { ExecutorUser } from './executor-user.ts';
import type { Stage } from './stage.ts';

/**
 * One executor process from the outside, blank or taken: started with its flags, its private
 * folder and its user, and told to boot. Whose it becomes is decided later, by `init`.
 */

export const EXECUTOR_ENTRY = fileURLToPath(new URL('../executor/main.ts', import.meta.url));
const OUTPUT_LENGTH_MAX = 4_000;

export interface ExecutorExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** By a signal that a process does not send to itself. */
export const isKill = ({ signal }: ExecutorExit): boolean =>
  signal === 'SIGKILL' || signal === 'SIGTERM';

export class ExecutorProcess {
  readonly child: ChildProcess;
  readonly stage: Stage;
  readonly user: ExecutorUser | undefined;
  /** Resolves with whether it came up; with no when it ended before. */
  readonly whenBooted: Promise<boolean>;
  /** Resolves when it has ended and all that it had said was heard; by its exit alone it is not. */
  readonly whenEnded: Promise<ExecutorExit>;
  /** Whoever has taken it says where its output goes. */
  logger: Logger;

  constructor(options: {
    readonly stage: Stage;
    readonly user: ExecutorUser | undefined;
    readonly config: RuntimeConfig;
    readonly image: CodeImage | undefined;
    readonly logger: Logger;
  }) {
    const { stage, user, config, image, logger } = options;
    this.stage = stage;
    this.user = user;
    this.logger = logger;
    this.child = fork(EXECUTOR_ENTRY, [], {
      execArgv: executorFlags(stage.path, config, image),
      env: {},
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(user ?? {}),
    });
    // Without a listener a failed start would end the daemon; it shows by the exit, too.
    this.child.on('error', (error) => this.logger.warn('executor', { error: error.message }));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        const text = bytes.toString('utf8').slice(0, OUTPUT_LENGTH_MAX);
        this.logger.warn('executor output', { text });
      });
    }
    this.whenEnded = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.whenBooted = new Promise((resolve) => {
      this.child.once('message', () => resolve(true));
      this.child.once('close', () => resolve(false));
    });
    this.send({ type: 'boot', config });
  }

  /** Known by its exit: earlier than `whenEnded`. */
  get hasEnded(): boolean {
    const { child } = this;
    return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  }

  /** Makes a blank one ready for that; resolves with what came of it. */
  expect(code: SkeletonCode): Promise<'ready' | 'refused' | 'ended'> {
    return new Promise((resolve) => {
      this.child.on('message', (message: FromExecutor) => {
        if (message.type === 'ready') resolve(message.made ? 'ready' : 'refused');
      });
      void this.whenEnded.then(() => resolve('ended'));
      this.send({ type: 'expect', code });
    });
  }

  /** A process that is gone answers by its exit. */
  send(message: ToExecutor): void {
    if (this.child.connected) this.child.send(message, () => {});
  }
}
