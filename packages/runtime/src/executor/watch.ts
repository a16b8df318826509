import { type Clock, PopmeshError, type Timer } from '@popmesh/contracts';
import type { IdMap } from '../id-map.ts';
import { CELL } from '../worker/wire.ts';
import type { Invocation } from './invocation.ts';
import type { Slot } from './slot.ts';
import type { SlotPool } from './slot-pool.ts';

/**
 * Looks after every running request from outside: wall deadline and CPU. One tick for all,
 * running only while something runs; a timer per request would cost more than the request.
 *
 * CPU is measured per thread. A thread that spends the limit without one turn of its event
 * loop is in an endless loop and is ended. Otherwise its CPU is shared out evenly among what
 * ran in it, and a request above its limit is answered for, its thread left alive.
 */

export interface WatchOptions {
  readonly clock: Clock;
  readonly pollMs: number;
  readonly pools: () => Iterable<SlotPool>;
  readonly invocations: Pick<IdMap<Invocation>, 'size' | 'values'>;
  /** An invocation that waits in no slot yet. */
  readonly onQueuedTimeout: (invocation: Invocation) => void;
}

export class Watch {
  readonly #options: WatchOptions;
  #timer: Timer | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Something runs: keeps ticking until nothing does. */
  wake(): void {
    this.#timer ??= this.#options.clock.setTimer(this.#options.pollMs, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Counts the CPU of slots that worked between two ticks; for metering only. */
  sweep(): void {
    for (const pool of this.#options.pools()) {
      for (const slot of pool.slots) {
        const moved = Atomics.load(slot.cells, CELL.turn) !== slot.cpu.turn;
        if (moved && slot.state !== 'loading') void this.#pollCpu(pool, slot);
      }
    }
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = this.#options.clock.monotonic();
    for (const invocation of this.#options.invocations.values()) {
      if (nowMs >= invocation.deadlineMs) this.#timeOut(invocation);
    }
    let busy = this.#options.invocations.size > 0;
    for (const pool of this.#options.pools()) {
      for (const slot of pool.slots) {
        if (slot.inflight.size === 0 && slot.zombies.size === 0 && slot.retained === 0) continue;
        busy = true;
        void this.#pollCpu(pool, slot);
      }
    }
    if (busy) this.wake();
  }

  #timeOut(invocation: Invocation): void {
    if (invocation.runner === undefined) this.#options.onQueuedTimeout(invocation);
    const max = Math.round(invocation.deadlineMs - invocation.options.receivedMs);
    invocation.fail(
      new PopmeshError('timeout_exceeded', 'The function did not answer in time', {
        details: { limit: 'timeout_ms', max },
      }),
    );
  }

  async #pollCpu(pool: SlotPool, slot: Slot): Promise<void> {
    const { cpu } = slot;
    if (cpu.polling) return;
    cpu.polling = true;
    let totalMicros: number;
    try {
      const used = await slot.worker.cpuUsage();
      totalMicros = used.user + used.system;
    } catch {
      return;
    } finally {
      cpu.polling = false;
    }
    if (slot.state === 'ended') return;
    const spentMicros = totalMicros - cpu.totalMicros;
    const previousMs = cpu.polledMs;
    cpu.polledMs = this.#options.clock.monotonic();
    const turn = Atomics.load(slot.cells, CELL.turn);
    if (turn !== cpu.turn) {
      cpu.turn = turn;
      // It turned some time since the last poll; count from there.
      cpu.turnMicros = totalMicros;
    }
    cpu.totalMicros = totalMicros;
    pool.options.usage().cpuMs += spentMicros / 1000;
    const limitMicros = pool.options.target.plan.limits.cpuMs * 1000;
    if (totalMicros - cpu.turnMicros >= limitMicros) this.#endSlot(slot);
    else this.#charge(slot, spentMicros, limitMicros, previousMs);
  }

  /**
   * Only what ran during the whole interval is charged: CPU from before a request came,
   * however long that interval was, is not its own.
   */
  #charge(slot: Slot, spentMicros: number, limitMicros: number, sinceMs: number): void {
    const share = spentMicros / Math.max(1, slot.inflight.size);
    for (const invocation of slot.inflight.values()) {
      if (invocation.dispatchedMs > sinceMs) continue;
      invocation.cpuMicros += share;
      if (invocation.cpuMicros < limitMicros) continue;
      // Alone in the thread there is no doubt whose loop it is.
      if (slot.inflight.size === 1) this.#endSlot(slot);
      else invocation.fail(cpuExceeded(limitMicros));
    }
  }

  #endSlot(slot: Slot): void {
    const before = Atomics.load(slot.cells, CELL.startedBeforeTurn);
    const started = slot.inflight.values().filter((it) => slot.wasStarted(it));
    const recent = started.filter((invocation) => invocation.sequence > before);
    const limitMicros = (started[0]?.options.plan.limits.cpuMs ?? 0) * 1000;
    slot.verdict = {
      error: cpuExceeded(limitMicros),
      blamed: new Set(recent.length > 0 ? recent : started),
    };
    void slot.end();
  }
}

const cpuExceeded = (limitMicros: number): PopmeshError =>
  new PopmeshError('cpu_limit_exceeded', 'The function used more CPU time than it may', {
    details: { limit: 'cpu_ms', max: limitMicros / 1000 },
  });
