import {
  type Clock,
  type FunctionId,
  type LogLevel,
  PopmeshError,
  type Timer,
} from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import type { PlannedTarget } from '../plan.ts';
import { type ComponentCode, withoutCommon } from '../worker/component-code.ts';
import { CELL, type KeepMessage } from '../worker/wire.ts';
import type { UsageRow } from './control.ts';
import type { Invocation } from './invocation.ts';
import { Slot } from './slot.ts';
import { ignoreOverload, overloaded, stopping } from './slot-errors.ts';
import { limitStart } from './start-limit.ts';
import { Suspicion } from './suspicion.ts';
import type { WorkerSupply } from './worker-supply.ts';

/**
 * The slots of one function version: from none to `scaling.max`, `concurrency` requests in
 * each, a bounded queue before them. A request goes to the slot with the least to do.
 */

export interface SlotPoolOptions {
  readonly function: FunctionId;
  readonly target: PlannedTarget;
  /** Compiled once per process; asked for by the first slot, so that idle functions cost nothing. */
  readonly load: () => Promise<ComponentCode>;
  /** Something of it that the next worker need not read or compile. */
  readonly keep: (code: ComponentCode, message: KeepMessage) => void;
  /** Its files are not as they were prepared: resolves when they are. */
  readonly repair: () => Promise<void>;
  readonly place: { readonly node: string; readonly pop: string; readonly region: string };
  readonly config: RuntimeConfig;
  readonly clock: Clock;
  readonly supply: WorkerSupply;
  readonly usage: () => UsageRow;
  readonly schedule: (run: () => void) => void;
  readonly onLog: (level: LogLevel, message: string, requestId: string) => void;
  readonly onStart: (state: 'starting' | 'started') => void;
  /** Waits for its turn where this function must start alone; calls what it gives when it has. */
  readonly enter: () => Promise<() => void>;
  /** The node has no memory for a further instance. */
  readonly isStarved: () => boolean;
  /** All threads are taken: ends the one that has been idle longest, if any is. */
  readonly makeRoom: () => Promise<void>;
}

/** Deaths of slots in a row, none ever ready, after which requests are refused for a while. */
const START_FAILURES_MAX = 3;
const START_FAILURE_REST_MS = 1_000;
/** How long requests wait for a thread when other functions have them all. */
const STARVED_MS_MAX = 1_000;
const REFILL_AFTER_MS = 20;
/** How long requests wait for busy slots before one more is started where all cores are taken. */
const QUEUE_PATIENCE_MS = 100;

export class SlotPool {
  readonly options: SlotPoolOptions;
  readonly slots = new Set<Slot>();
  readonly #queue: Invocation[] = [];
  /** Theirs is this version already, and their bodies are still on the way. */
  readonly #expected = new Set<Invocation>();
  /** Slots on their way that have no thread yet. */
  #starting = 0;
  #retired = false;
  #closed = false;
  #patience: Timer | undefined;
  #startFailures = 0;
  #restUntilMs = 0;
  /** No thread was free since then, for a request that waits. */
  #starvedSinceMs: number | undefined;
  #onEmpty: (() => void) | undefined;
  readonly #suspicion = new Suspicion();

  constructor(options: SlotPoolOptions) {
    this.options = options;
  }

  get running(): number {
    let total = 0;
    for (const slot of this.slots) total += slot.inflight.size;
    return total;
  }

  get queued(): number {
    return this.#queue.length;
  }

  get capacity(): number {
    const { scaling } = this.options.target.plan;
    return scaling.max * scaling.concurrency;
  }

  /** The first slot, so that a component that cannot start is found at deploy. */
  async warm(): Promise<void> {
    const missing = Math.max(1, this.options.target.plan.scaling.min) - this.slots.size;
    const start = async (): Promise<void> => {
      // With all threads or all memory taken it is enough that the code is whole: the first
      // request starts it.
      const { supply, isStarved } = this.options;
      if (supply.isFull || isStarved()) await this.#loadOnly();
      else await this.#startSlot().catch(ignoreOverload);
    };
    await Promise.all(Array.from({ length: missing }, start));
  }

  /** Slots that nobody would miss if their threads were needed elsewhere. */
  *idleSlots(): Iterable<Slot> {
    let spare = this.slots.size - (this.#retired ? 0 : this.options.target.plan.scaling.min);
    for (const slot of this.slots) {
      if (spare <= 0) return;
      if (slot.state !== 'ready' || slot.inflight.size > 0 || slot.retained > 0) continue;
      spare--;
      yield slot;
    }
  }

  /** It comes later, with its whole body; until then this pool does not end. */
  expect(invocation: Invocation): void {
    this.#expected.add(invocation);
  }

  submit(invocation: Invocation): void {
    this.#expected.delete(invocation);
    if (this.#closed) {
      invocation.fail(stopping());
      return;
    }
    const slot = this.#freeSlot();
    if (slot !== undefined) {
      this.#run(slot, invocation);
      return;
    }
    if (this.#queue.length >= this.options.target.plan.scaling.queue) {
      invocation.fail(overloaded('Too many requests wait for this function'));
      return;
    }
    this.#queue.push(invocation);
    this.#grow(invocation);
  }

  /** Takes an invocation that was given up out of the queue; true when it was there. */
  forget(invocation: Invocation): boolean {
    this.#expected.delete(invocation);
    const at = this.#queue.indexOf(invocation);
    if (at >= 0) this.#queue.splice(at, 1);
    return at >= 0;
  }

  /** Why a request was ended from outside, in the function's own log: the guest cannot say it. */
  explain(error: PopmeshError, invocation: Invocation | undefined): void {
    const { limit, max } = error.details;
    const which = limit === undefined ? '' : ` (${limit} = ${max})`;
    const requestId = invocation?.options.requestId ?? '';
    this.options.onLog('error', `${error.code}: ${error.message}${which}`, requestId);
  }

  /** Ends slots that had nothing to do for long; called by the executor's slow tick. */
  sweep(nowMs: number): void {
    const waiting = this.#queue[0];
    if (waiting !== undefined && this.slots.size === 0 && this.#starting === 0) this.#grow(waiting);
    this.#setApart(nowMs);
    const { scaling } = this.options.target.plan;
    const retainMaxMs = this.options.config.retainMaxMs;
    let spare = this.slots.size - (this.#retired ? 0 : scaling.min);
    for (const slot of this.slots) {
      const idleMs = nowMs - slot.idleSinceMs;
      if (slot.state === 'loading' || slot.inflight.size > 0) continue;
      if (slot.retained > 0 && idleMs < retainMaxMs) continue;
      const worn = slot.state === 'retiring';
      if (!worn && (spare <= 0 || (!this.#retired && idleMs < scaling.idleTimeoutMs))) continue;
      spare--;
      void slot.end();
    }
    if (this.#isEmpty) this.#onEmpty?.();
  }

  /** No slots but for what runs, waits or is expected; resolves when all that is done. */
  async retire(): Promise<void> {
    this.#retired = true;
    this.sweep(this.options.clock.monotonic());
    if (this.#isEmpty) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  async close(): Promise<void> {
    this.#retired = true;
    this.#closed = true;
    this.#patience?.cancel();
    this.#refuseQueue(stopping());
    await Promise.all([...this.slots].map((slot) => slot.end()));
    // Those that were sent to a slot that did not load are back.
    this.#refuseQueue(stopping());
  }

  get #isEmpty(): boolean {
    const coming = this.#starting + this.#queue.length + this.#expected.size;
    return this.slots.size + coming === 0;
  }

  #run(slot: Slot, invocation: Invocation): void {
    invocation.attempts++;
    slot.run(invocation);
    if (invocation.bodyKind === PIPE) invocation.streamBody();
  }

  #freeSlot(): Slot | undefined {
    const { concurrency } = this.options.target.plan.scaling;
    let best: Slot | undefined;
    for (const slot of this.slots) {
      if (slot.state !== 'ready') continue;
      const load = slot.inflight.size;
      if (load < concurrency && (best === undefined || load < best.inflight.size)) best = slot;
    }
    return best;
  }

  /** One more slot when those on their way will not be enough for the queue. */
  #grow(waiting: Invocation): void {
    const { scaling } = this.options.target.plan;
    let loading = this.#starting;
    let room = this.#starting * scaling.concurrency;
    for (const slot of this.slots) {
      if (slot.state !== 'loading') continue;
      loading++;
      room += scaling.concurrency - slot.inflight.size;
    }
    const all = this.slots.size + this.#starting;
    if (all === loading) waiting.cold = true;
    if (this.#queue.length <= room) return;
    if (all >= scaling.max) return;
    if (this.options.isStarved()) {
      if (all === 0) this.#refuseQueue(overloaded('This node has no memory for a cold start'));
      return;
    }
    if (all > 0 && this.options.supply.isCrowded && !this.#hasWaited()) return;
    if (this.options.clock.monotonic() < this.#restUntilMs) {
      this.#refuseQueue(new PopmeshError('executor_failed', 'The function does not start'));
      return;
    }
    this.#startSlot().catch((caught: unknown) => {
      const error = PopmeshError.from(caught, 'executor_failed');
      // A thread may end any moment; the next sweep tries again.
      const nowMs = this.options.clock.monotonic();
      this.#starvedSinceMs ??= nowMs;
      if (error.code === 'overloaded' && nowMs - this.#starvedSinceMs < STARVED_MS_MAX) return;
      const others = [...this.slots].some((slot) => slot.state !== 'ended');
      if (!others && this.#starting === 0) this.#refuseQueue(error);
    });
  }

  /**
   * With every core taken already, a further thread only takes time from the others (about a sixth
   * of all CPU time was lost that way), so the queue must have waited for a while first: then
   * the slots wait for something else than a core.
   */
  #hasWaited(): boolean {
    const { clock } = this.options;
    const first = this.#queue[0];
    if (first === undefined) return false;
    if (clock.monotonic() - first.options.receivedMs >= QUEUE_PATIENCE_MS) return true;
    this.#patience ??= clock.setTimer(QUEUE_PATIENCE_MS, () => {
      this.#patience = undefined;
      const waiting = this.#queue[0];
      if (waiting !== undefined && !this.#retired) this.#grow(waiting);
    });
    return false;
  }

  #refuseQueue(error: PopmeshError): void {
    for (const invocation of this.#queue.splice(0)) invocation.fail(error);
  }

  async #startSlot(): Promise<void> {
    try {
      await this.#startOnce();
    } catch (error) {
      if (!(error instanceof PopmeshError) || error.code !== 'digest_mismatch') throw error;
      // It is on its way meanwhile: nobody else need begin.
      this.#starting++;
      await this.options
        .repair()
        .catch(() => {
          throw error;
        })
        .finally(() => {
          this.#starting--;
        });
      await this.#startOnce();
    }
  }

  /**
   * From here on an end of the process may be this function's doing, by its code being compiled
   * already; until what this resolves to is called.
   */
  async #enter(): Promise<() => void> {
    const leave = await this.options.enter();
    this.options.onStart('starting');
    return () => {
      this.options.onStart('started');
      leave();
    };
  }

  async #loadOnly(): Promise<void> {
    const leave = await this.#enter();
    await this.options.load().finally(leave);
  }

  async #startOnce(): Promise<void> {
    this.#starting++;
    let isStarting = true;
    let leave = (): void => {};
    try {
      leave = await this.#enter();
      const loaded = await this.options.load();
      const { supply, makeRoom } = this.options;
      if (supply.isFull) await makeRoom();
      const taken = supply.take(loaded.skeleton);
      if (taken === undefined) throw overloaded('No worker thread is free on this node');
      this.#starting--;
      isStarting = false;
      await this.#loadSlot(loaded, taken);
    } finally {
      if (isStarting) this.#starting--;
      leave();
    }
  }

  async #loadSlot(
    loaded: ComponentCode,
    taken: NonNullable<ReturnType<WorkerSupply['take']>>,
  ): Promise<void> {
    const { supply, target, config, place } = this.options;
    const slot = new Slot(taken.worker, {
      schedule: this.options.schedule,
      onRoom: (which) => this.#onRoom(which),
      onEnded: (which, lost, unstarted) => this.#onEnded(which, lost, unstarted),
      onLost: (invocation) => this.#repeat(invocation, 'Another request trapped the instance'),
      onTrap: (shapes) => {
        const nowMs = this.options.clock.monotonic();
        this.#suspicion.trapped(shapes, nowMs);
        this.#setApart(nowMs);
      },
      onLog: this.options.onLog,
      onKeep: (message) => this.options.keep(loaded, message),
    });
    slot.idleSinceMs = this.options.clock.monotonic();
    this.slots.add(slot);
    this.#setApart(slot.idleSinceMs);
    const { plan } = target;
    // A component may loop while it is instantiated, when no request is there to be watched.
    let late: PopmeshError | undefined;
    const deadline = limitStart(slot, this.options, (error) => {
      late = error;
      void slot.end();
    });
    try {
      const loading = slot.load({
        door: target.door,
        code: taken.isReady ? withoutCommon(loaded) : loaded,
        config: {
          env: plan.env,
          function: this.options.function,
          version: target.version,
          ...place,
        },
        outboundHosts: plan.outboundHosts,
        outboundAllowPrivate: config.outboundAllowPrivate,
        outboundDeny: config.outboundDeny,
        limits: plan.limits,
        isolation: plan.isolation,
        concurrency: plan.scaling.concurrency,
        pipeBufferBytes: config.pipeBufferBytes,
        instanceCallsMax: config.instanceCallsMax,
        instanceMemoryRetirePercent: config.instanceMemoryRetirePercent,
        logLineBytesMax: config.logLineBytesMax,
      });
      // Behind the load message, so that they begin as soon as the first instance stands.
      this.#fill(slot);
      const { cpuMicros } = await loading;
      slot.cpu.totalMicros = cpuMicros;
      supply.favourite.started(loaded, target.door);
      this.#startFailures = 0;
      this.#starvedSinceMs = undefined;
      this.#onRoom(slot);
    } catch (error) {
      if (++this.#startFailures >= START_FAILURES_MAX) {
        this.#restUntilMs = this.options.clock.monotonic() + START_FAILURE_REST_MS;
      }
      this.#requeue(slot.takeBack());
      void slot.end();
      throw late ?? error;
    } finally {
      deadline.cancel();
      // A new thread takes the HTTP thread 2 ms, and a core for 100.
      this.options.clock.setTimer(REFILL_AFTER_MS, () => supply.refill());
    }
  }

  #onRoom(slot: Slot): void {
    const { concurrency } = this.options.target.plan.scaling;
    if (slot.state === 'ready' && slot.isWorn(concurrency, this.options.config.workerTrapsMax)) {
      slot.state = 'retiring';
    }
    if (slot.state === 'ready') this.#fill(slot);
    if (slot.inflight.size > 0 || slot.state === 'loading') return;
    slot.idleSinceMs = this.options.clock.monotonic();
    if (slot.state === 'retiring' || this.#retired) this.sweep(slot.idleSinceMs);
  }

  /** Bodies that stream are sent while they are read: those wait until the slot is ready. */
  #fill(slot: Slot): void {
    const { concurrency } = this.options.target.plan.scaling;
    while (slot.inflight.size < concurrency) {
      const next = this.#queue[0];
      if (next === undefined || (!slot.hasLoaded && next.bodyKind === PIPE)) break;
      this.#queue.shift();
      this.#run(slot, next);
    }
  }

  /** Sent to a slot that did not load; no guest has seen them. */
  #requeue(invocations: readonly Invocation[]): void {
    const waiting = invocations.filter((invocation) => !invocation.settled);
    for (const invocation of waiting) {
      invocation.attempts--;
      invocation.runner = undefined;
    }
    this.#queue.unshift(...waiting);
  }

  /** All slots keep the same kinds of request apart. */
  #setApart(nowMs: number): void {
    const shapes = this.#suspicion.shapes(nowMs);
    for (const { cells } of this.slots) Atomics.store(cells, CELL.alone, shapes);
  }

  /** A guest may have begun with it, and cannot go on. */
  #repeat(invocation: Invocation, why: string): void {
    if (invocation.settled) return;
    invocation.runner = undefined;
    if (invocation.repeatable && !this.#closed) {
      invocation.repeated = true;
      // Of which some was another's.
      invocation.cpuMicros = 0;
      this.submit(invocation);
      return;
    }
    const error = new PopmeshError('executor_failed', why);
    this.explain(error, invocation);
    invocation.fail(error);
  }

  #onEnded(slot: Slot, lost: Invocation[], unstarted: Invocation[]): void {
    this.slots.delete(slot);
    if (!slot.hasLoaded) this.#requeue([...lost.splice(0), ...unstarted.splice(0)]);
    for (const invocation of lost) {
      this.#repeat(invocation, 'The worker that ran this request ended');
    }
    for (const invocation of unstarted) {
      if (invocation.settled) continue;
      if (invocation.attempts > ATTEMPTS_MAX) {
        invocation.fail(new PopmeshError('executor_failed', 'Workers keep ending'));
      } else this.submit(invocation);
    }
    if (this.#queue.length > 0 && this.slots.size === 0 && this.#startFailures === 0) {
      const first = this.#queue[0];
      if (first !== undefined) this.#grow(first);
    }
    if (this.#isEmpty) this.#onEmpty?.();
  }
}

const PIPE = 3;
/** Times a request that no guest has seen is given to another worker. */
const ATTEMPTS_MAX = 3;
