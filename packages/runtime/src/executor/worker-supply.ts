import { Worker } from 'node:worker_threads';

/**
 * Worker threads, with blank ones made ahead so that a cold start does not wait for a
 * thread. A spare has loaded the worker's code and nothing of any function.
 */

export interface WorkerSupplyOptions {
  readonly spares: number;
  readonly workersMax: number;
  readonly heapMb: number;
  /** Threads that can run at the same time. */
  readonly cores: number;
}

/** One thread in so many is kept free, by ending those that have been idle longest. */
const FREE_SHARE = 8;
const ENTRY = new URL('../worker/main.ts', import.meta.url);

export class WorkerSupply {
  readonly #options: WorkerSupplyOptions;
  readonly #spares: Worker[] = [];
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

  /** Undefined at the bound of threads. */
  take(): Worker | undefined {
    return this.#spares.pop() ?? this.#create();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#spares.splice(0).map((worker) => worker.terminate()));
  }

  #create(): Worker | undefined {
    if (this.#closed || this.#alive >= this.#options.workersMax) return undefined;
    const worker = new Worker(ENTRY, {
      env: {},
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMb },
    });
    // The glue prints when it fails; a function's own output goes through `log`.
    worker.stdout.resume();
    worker.stderr.resume();
    this.#alive++;
    worker.once('exit', () => {
      this.#alive--;
      const at = this.#spares.indexOf(worker);
      if (at >= 0) this.#spares.splice(at, 1);
    });
    worker.on('error', () => {});
    return worker;
  }

  /** Called when a taken worker has loaded, so that a new thread does not slow it down. */
  refill(): void {
    while (this.#spares.length < this.#options.spares) {
      const worker = this.#create();
      if (worker === undefined) return;
      this.#spares.push(worker);
    }
  }
}
