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
}

/** Two looks at one thread are at least this far apart. */
const POLL_MS_MIN = 2;

export class Watch {
  readonly #options: WatchOptions;
  /** Slots whose threads are on their way out: whoever is left in one is not to blame. */
  readonly #ending = new WeakSet<Slot>();
  #timer: Timer | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Something runs: keeps ticking until nothing does. */
  wake(): void {
    this.#again(this.#options.pollMs);
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
    let untilNextMs = this.#options.pollMs;
    for (const pool of this.#options.pools()) {
      for (const slot of pool.slots) {
        if (slot.inflight.size === 0 && slot.zombies.size === 0 && slot.retained === 0) continue;
        busy = true;
        // What loading takes is the platform's, and `slotStartMs` bounds it.
        if (!slot.hasLoaded) continue;
        untilNextMs = Math.min(untilNextMs, leftMs(pool, slot, nowMs));
        void this.#pollCpu(pool, slot);
      }
    }
    if (busy) this.#again(Math.max(POLL_MS_MIN, untilNextMs));
  }

  #again(ms: number): void {
    this.#timer ??= this.#options.clock.setTimer(ms, () => this.#tick());
  }

  #timeOut(invocation: Invocation): void {
    const max = Math.round(invocation.deadlineMs - invocation.options.receivedMs);
    const isUpload = invocation.awaitsBody;
    const details = { limit: 'timeout_ms', max };
    const error = isUpload
      ? new PopmeshError('timeout_exceeded', 'The request body did not come whole in time', {
          hint: 'Raise limits.timeout_ms where clients upload over slow lines.',
          details,
        })
      : new PopmeshError('timeout_exceeded', 'The function did not answer in time', { details });
    for (const pool of this.#options.pools()) {
      const slot = invocation.runner as Slot;
      const isRunning = pool.slots.has(slot);
      if (!pool.forget(invocation) && !isRunning) continue;
      // A slow client says nothing about the instance.
      if (isRunning && !isUpload) slot.timeoutsInARow++;
      pool.explain(error, invocation);
      break;
    }
    invocation.fail(error);
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
    if (slot.state === 'ended' || this.#ending.has(slot)) return;
    // What libuv's threads did for it (compression) is its own, too; never part of a loop.
    const elsewhereMicros = Atomics.exchange(slot.cells, CELL.offThreadMicros, 0);
    const spentMicros = totalMicros - cpu.totalMicros + elsewhereMicros;
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
    if (totalMicros - cpu.turnMicros >= limitMicros) this.#endSlot(pool, slot, limitMicros);
    else this.#charge(pool, slot, spentMicros, limitMicros, previousMs);
  }

  /**
   * Only what ran during the whole interval is charged: CPU from before a request came,
   * however long that interval was, is not its own.
   */
  #charge(
    pool: SlotPool,
    slot: Slot,
    spentMicros: number,
    limitMicros: number,
    sinceMs: number,
  ): void {
    const share = spentMicros / Math.max(1, slot.inflight.size);
    for (const invocation of slot.inflight.values()) {
      if (invocation.dispatchedMs > sinceMs) continue;
      invocation.cpuMicros += share;
      if (invocation.cpuMicros < limitMicros) continue;
      // Alone in the thread there is no doubt whose loop it is.
      if (slot.inflight.size === 1) this.#endSlot(pool, slot, limitMicros);
      else {
        const error = cpuExceeded(limitMicros);
        pool.explain(error, invocation);
        invocation.fail(error);
      }
    }
  }

  /**
   * Those to blame are answered first: the thread's end is seen only when it has unwound, which
   * takes as long as others use the cores.
   */
  #endSlot(pool: SlotPool, slot: Slot, limitMicros: number): void {
    const before = Atomics.load(slot.cells, CELL.startedBeforeTurn);
    const started = slot.inflight.values().filter((it) => slot.wasStarted(it));
    const recent = started.filter((invocation) => invocation.sequence > before);
    const blamed = recent.length > 0 ? recent : started;
    const error = cpuExceeded(limitMicros);
    this.#ending.add(slot);
    // Nothing more is handed to it, whatever the answers set free.
    slot.state = 'retiring';
    // A loop in work that outlived its request is nobody's, but the author must hear of it.
    if (blamed.length === 0) pool.explain(error, undefined);
    for (const invocation of blamed) {
      pool.explain(error, invocation);
      invocation.fail(error);
    }
    void slot.end();
  }
}

/**
 * How long a thread that has not turned since the last look can still go on: it spends no more
 * CPU than time passes.
 */
function leftMs(pool: SlotPool, slot: Slot, nowMs: number): number {
  const { cpu } = slot;
  if (Atomics.load(slot.cells, CELL.turn) !== cpu.turn) return Number.POSITIVE_INFINITY;
  const spentMs = (cpu.totalMicros - cpu.turnMicros) / 1000;
  return pool.options.target.plan.limits.cpuMs - spentMs - (nowMs - cpu.polledMs);
}

const cpuExceeded = (limitMicros: number): PopmeshError =>
  new PopmeshError('cpu_limit_exceeded', 'The function used more CPU time than it may', {
    details: { limit: 'cpu_ms', max: limitMicros / 1000 },
  });
