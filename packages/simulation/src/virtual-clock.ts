import { setImmediate } from 'node:timers/promises';
import { type Clock, sleepOn, type Timer } from '@popmesh/contracts';

/**
 * Time that moves only when told to. After each timer everything that became
 * runnable (promises, real I/O that is already done) is let run before the next,
 * so that a run depends on the seed alone. Refused: patched global timers, which
 * two worlds in one process would share.
 */

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  /** A cancelled timer stays in the heap until its turn; taking it out would cost a search. */
  state: 'waiting' | 'cancelled' | 'fired';
}

const earlier = (a: Pending, b: Pending): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export const WORLD_START_MS = Date.UTC(2026, 0, 1);

export class VirtualClock implements Clock {
  /** Binary heap: a run of 20 nodes holds thousands of timers. */
  readonly #heap: Pending[] = [];
  #waiting = 0;
  #monotonicMs = 0;
  #wallOffsetMs = WORLD_START_MS;
  #order = 0;

  now(): number {
    return Math.floor(this.#wallOffsetMs + this.#monotonicMs);
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  /** Timers set and neither fired nor cancelled; zero after a clean stop. */
  get timers(): number {
    return this.#waiting;
  }

  /** Moves the wall clock alone, as NTP or an operator would. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  setTimer(ms: number, run: () => void): Timer {
    const pending: Pending = {
      atMs: this.#monotonicMs + Math.max(0, ms),
      order: this.#order++,
      run,
      state: 'waiting',
    };
    this.#push(pending);
    this.#waiting += 1;
    return {
      cancel: () => {
        if (pending.state !== 'waiting') return;
        pending.state = 'cancelled';
        this.#waiting -= 1;
      },
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn({ setTimer: (later, run) => this.setTimer(later, run) }, ms, signal);
  }

  /** Lets everything run that is runnable without time passing. */
  async settle(): Promise<void> {
    await setImmediate();
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms;
    await this.settle();
    for (let next = this.#peek(); next !== undefined && next.atMs <= untilMs; next = this.#peek()) {
      this.#pop();
      next.state = 'fired';
      this.#waiting -= 1;
      this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs);
      next.run();
      await this.settle();
    }
    this.#monotonicMs = untilMs;
  }

  /** Advances in steps until `done`; false when `limitMs` passed first. */
  async advanceUntil(done: () => boolean, limitMs: number, stepMs = 10): Promise<boolean> {
    await this.settle();
    for (let passedMs = 0; !done(); passedMs += stepMs) {
      if (passedMs >= limitMs) return false;
      await this.advance(stepMs);
    }
    return true;
  }

  #peek(): Pending | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.state === 'waiting') return top;
      this.#pop();
    }
    return undefined;
  }

  #push(pending: Pending): void {
    const heap = this.#heap;
    heap.push(pending);
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!earlier(heap[child] as Pending, heap[parent] as Pending)) break;
      [heap[child], heap[parent]] = [heap[parent] as Pending, heap[child] as Pending];
      child = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let parent = 0; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && earlier(heap[child] as Pending, heap[least] as Pending)) {
          least = child;
        }
      }
      if (least === parent) return;
      [heap[parent], heap[least]] = [heap[least] as Pending, heap[parent] as Pending];
      parent = least;
    }
  }
}
