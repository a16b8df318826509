import { type Clock, PopmeshError, type Timer, untilAborted } from '@popmesh/contracts';

/**
 * When a trial may run: few at a time, for each takes a process and a core, and of one namespace one
 * at a time, so that a tenant whose components never start waits for himself before others do. What
 * has passed here need not be tried again. Refused: the queue of preparing, in which one that loops
 * until its deadline would hold up everybody's uploads.
 */

export interface TrialQueueOptions {
  readonly waitingMax: number;
  readonly clock: Clock;
}

const RUNNING_MAX = 2;
const WAIT_MS_MAX = 60_000;
/** Keys of what has passed. */
const PASSED_MAX = 1_024;

interface Waiting {
  readonly namespace: string;
  readonly begin: () => void;
  readonly refuse: (error: PopmeshError) => void;
}

export class TrialQueue {
  readonly #options: TrialQueueOptions;
  readonly #running = new Set<string>();
  readonly #waiting = new Set<Waiting>();
  readonly #passed = new Set<string>();
  readonly #over = new AbortController();

  constructor(options: TrialQueueOptions) {
    this.#options = options;
  }

  /** `key` stands for everything that the outcome may depend on. */
  async run(
    namespace: string,
    key: string,
    signal: AbortSignal,
    trial: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const ended = AbortSignal.any([signal, this.#over.signal]);
    ended.throwIfAborted();
    if (this.#passed.has(key)) return;
    await this.#turn(namespace, ended);
    try {
      // One that waited for the same may find it done.
      if (this.#passed.has(key)) return;
      await trial(ended);
      this.#pass(key);
    } finally {
      this.#running.delete(namespace);
      this.#next();
    }
  }

  /** Ends what runs and what waits; the first reason counts. */
  stop(reason: PopmeshError): void {
    this.#over.abort(reason);
  }

  async #turn(namespace: string, signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#options.waitingMax) throw busy();
    let timer: Timer | undefined;
    let waiting: Waiting | undefined;
    let hasBegun = false;
    const turn = new Promise<void>((begin, refuse) => {
      waiting = {
        namespace,
        begin: () => {
          hasBegun = true;
          begin();
        },
        refuse,
      };
      this.#waiting.add(waiting);
      timer = this.#options.clock.setTimer(WAIT_MS_MAX, () => refuse(busy()));
    });
    this.#next();
    try {
      await untilAborted(turn, signal);
    } catch (error) {
      if (hasBegun) {
        this.#running.delete(namespace);
        this.#next();
      }
      throw error;
    } finally {
      timer?.cancel();
      if (waiting !== undefined) this.#waiting.delete(waiting);
    }
  }

  #next(): void {
    for (const waiting of this.#waiting) {
      if (this.#running.size >= RUNNING_MAX) return;
      if (this.#running.has(waiting.namespace)) continue;
      this.#waiting.delete(waiting);
      this.#running.add(waiting.namespace);
      waiting.begin();
    }
  }

  #pass(key: string): void {
    this.#passed.add(key);
    for (const oldest of this.#passed) {
      if (this.#passed.size <= PASSED_MAX) return;
      this.#passed.delete(oldest);
    }
  }
}

const busy = (): PopmeshError =>
  new PopmeshError('overloaded', 'Too many components are waiting to be tried');
