import { Worker } from 'node:worker_threads';
import type { Clock } from '@popmesh/contracts';
import type { MakeReadyMessage } from '../worker/wire.ts';
import { FavouriteSkeleton } from './favourite-skeleton.ts';
import { MAKING_READY, type MakingReadyLimits, watchMakingReady } from './making-ready.ts';

/**
 * Worker threads, with blank ones made ahead so that a cold start does not wait for a
 * thread. A spare has loaded the worker's code, and made an empty instance of the skeleton that
 * this process starts most; it has run nothing of any function.
 */

export interface WorkerSupplyOptions {
  readonly spares: number;
  readonly workersMax: number;
  readonly heapMb: number;
  /** Threads that can run at the same time. */
  readonly cores: number;
  readonly clock: Pick<Clock, 'setTimer' | 'monotonic'>;
  readonly makingReady?: MakingReadyLimits;
}

/**
 * Of a thread, for the frames of guests' code. A JavaScript function ends its own recursion by the
 * 3 MiB of stack in its memory (builder, component/deep-stack.ts); at worst, in the parser of
 * JSON or of scripts and in code that V8 has not optimised, it needs 31 MB of this one for that. Address space
 * only, until a guest goes so deep.
 */
const WORKER_STACK_MB = 48;

/** One thread in so many is kept free, by ending those that have been idle longest. */
const FREE_SHARE = 8;
const ENTRY = new URL('../worker/main.ts', import.meta.url);

interface Spare {
  readonly worker: Worker;
  /** The skeleton it was made ready for. */
  skeleton: string | undefined;
  /** With whether it came to its end. */
  making: Promise<boolean>;
}

const NOT_ASKED = Promise.resolve(false);

export class WorkerSupply {
  readonly #options: WorkerSupplyOptions;
  readonly #spares: Spare[] = [];
  /** What spares are made ready for: whoever starts a function counts it. */
  readonly favourite = new FavouriteSkeleton();
  #alive = 0;
  #closed = false;

  constructor(options: WorkerSupplyOptions) {
    this.#options = options;
    this.refill();
  }

  get alive(): number {
    return this.#alive;
  }

  /** One more worker and the HTTP thread together would outnumber the cores. */
  get isCrowded(): boolean {
    return this.#alive - this.#spares.length + 1 >= this.#options.cores;
  }

  get isFull(): boolean {
    return this.#spares.length === 0 && this.#alive >= this.#options.workersMax;
  }

  /** How many threads must end so that a burst of cold functions finds some free. */
  get shortBy(): number {
    const { workersMax } = this.#options;
    const free = Math.max(1, Math.floor(workersMax / FREE_SHARE));
    return this.#alive - this.#spares.length - (workersMax - free);
  }

  /** Undefined at the bound of threads. One that is ready for the skeleton, where there is one. */
  take(skeleton: string): { readonly worker: Worker; readonly isReady: boolean } | undefined {
    const ready = this.#spares.findIndex((spare) => spare.skeleton === skeleton);
    const plain = this.#spares.findIndex((spare) => spare.skeleton === undefined);
    const [spare] = this.#spares.splice(ready >= 0 ? ready : Math.max(plain, 0), 1);
    const worker = spare?.worker ?? this.#create();
    return worker && { worker, isReady: spare?.skeleton === skeleton };
  }

  /**
   * Blank workers are made ready for it, until another skeleton is started more. Resolves with
   * whether they are.
   */
  async expect(message: MakeReadyMessage): Promise<boolean> {
    this.favourite.expect(message);
    this.refill();
    const made = await Promise.all(this.#spares.map(({ making }) => making));
    return made.every((it) => it);
  }

  /** No function has any other than these: what was made ready for those goes with them. */
  keepOnly(skeletons: ReadonlySet<string>): void {
    this.favourite.keepOnly(skeletons);
    for (const { skeleton, worker } of this.#spares) {
      if (skeleton !== undefined && !this.favourite.has(skeleton)) void worker.terminate();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#spares.splice(0).map(({ worker }) => worker.terminate()));
  }

  #create(): Worker | undefined {
    if (this.#closed || this.#alive >= this.#options.workersMax) return undefined;
    let worker: Worker;
    try {
      worker = new Worker(ENTRY, {
        env: {},
        stdin: false,
        stdout: true,
        stderr: true,
        resourceLimits: {
          maxOldGenerationSizeMb: this.#options.heapMb,
          stackSizeMb: WORKER_STACK_MB,
        },
      });
    } catch {
      // The machine, or our control group, has no thread left: a bound like our own.
      return undefined;
    }
    // The glue prints when it fails; a function's own output goes through `log`.
    worker.stdout.resume();
    worker.stderr.resume();
    this.#alive++;
    worker.once('exit', () => {
      this.#alive--;
      const at = this.#spares.findIndex((spare) => spare.worker === worker);
      if (at >= 0) this.#spares.splice(at, 1);
    });
    worker.on('error', () => {});
    return worker;
  }

  /** Called some time after a worker was taken, when its first request has been answered. */
  refill(): void {
    while (this.#spares.length < this.#options.spares) {
      const worker = this.#create();
      if (worker === undefined) break;
      this.#spares.push({ worker, skeleton: undefined, making: NOT_ASKED });
    }
    const { message } = this.favourite;
    if (message === undefined) return;
    for (const spare of this.#spares) {
      if (spare.skeleton !== undefined) continue;
      spare.making = this.#makeReady(spare.worker, message);
      spare.skeleton = message.code.skeleton;
    }
  }

  async #makeReady(worker: Worker, message: MakeReadyMessage): Promise<boolean> {
    const { clock, makingReady = MAKING_READY } = this.#options;
    worker.postMessage(message);
    if (await watchMakingReady(worker, clock, makingReady)) return true;
    this.favourite.refuse(message.code.skeleton);
    return false;
  }
}
