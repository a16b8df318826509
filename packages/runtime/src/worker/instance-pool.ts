import { setImmediate } from 'node:timers';
import type { Door, DoorInstance, InstanceContext, PreparedFiles } from './door.ts';

/**
 * The instances of one worker. Shared: one instance takes all requests of the worker at
 * once (async door, `isolation = "instance"`). Exclusive: one request per instance at a
 * time, put back afterwards, or thrown away where `isolation = "request"`; then spares are
 * made ahead of need. An instance is retired after its calls, its memory or a trap.
 */

export interface PoolOptions {
  readonly door: Door;
  readonly files: PreparedFiles;
  readonly createContext: (instance: PooledInstance) => InstanceContext;
  readonly mode: 'shared' | 'exclusive' | 'fresh';
  readonly callsMax: number;
  /** Above this an instance is replaced as soon as it is idle. */
  readonly memoryRetireBytes: number;
  readonly spares: number;
  /** Before what a broken instance retains is forgotten. */
  readonly onDiscard: (instance: PooledInstance) => void;
}

/** Calls after which instances that stood idle all the while are let go. */
export const SURPLUS_WINDOW_CALLS = 1_000;

export class PooledInstance {
  readonly pool: InstancePool;
  door: DoorInstance | undefined;
  running = 0;
  calls = 0;
  /** Guest requests that asked to outlive their response. */
  readonly retained = new Map<number, number>();
  /** No further request goes in; disposed when idle. */
  retired = false;
  /** Trapped: whatever still runs in it is lost. */
  broken = false;

  constructor(pool: InstancePool) {
    this.pool = pool;
  }
}

export class InstancePool {
  readonly #options: PoolOptions;
  readonly #all = new Set<PooledInstance>();
  readonly #idle: PooledInstance[] = [];
  /** Exclusive: requests that hope for an instance within this turn. */
  readonly #hoping: ((instance: PooledInstance | undefined) => void)[] = [];
  /** Exclusive: the fewest that were idle at a time since the window began. */
  #leastIdle = 0;
  #callsInWindow = 0;
  #shared: Promise<PooledInstance> | undefined;
  /** What `#shared` has become. */
  #current: PooledInstance | undefined;
  #making = 0;
  made = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Makes the first instance: proves that the component can be instantiated at all. */
  async warm(): Promise<void> {
    const instance = await this.acquire();
    instance.calls--;
    this.#putBack(instance, this.#options.mode === 'fresh');
    this.refill();
  }

  /** One that is there already. Undefined: it takes `acquire`, and waiting. */
  take(): PooledInstance | undefined {
    const instance = this.#options.mode === 'shared' ? this.#current : this.#idle.pop();
    if (instance === undefined) return undefined;
    if (instance.door?.broken !== true) return this.#enter(instance);
    // A trap in work that outlived its request is found by the next one, here.
    this.discard(instance);
    return undefined;
  }

  async acquire(): Promise<PooledInstance> {
    const instance =
      this.#options.mode === 'shared'
        ? await this.#acquireShared()
        : (this.#idle.pop() ?? (await this.#hope()) ?? (await this.#make()));
    return this.#enter(instance);
  }

  #enter(instance: PooledInstance): PooledInstance {
    instance.running++;
    instance.calls++;
    if (this.#options.mode === 'exclusive') this.#countIdle();
    if (instance.calls >= this.#options.callsMax) this.retire(instance);
    return instance;
  }

  release(instance: PooledInstance): void {
    this.#putBack(instance, false);
  }

  #putBack(instance: PooledInstance, keepFresh: boolean): void {
    instance.running--;
    const { mode, memoryRetireBytes } = this.#options;
    if (mode === 'fresh' && !keepFresh) instance.retired = true;
    if ((instance.door?.memoryBytes() ?? 0) > memoryRetireBytes) this.retire(instance);
    if (instance.door?.broken === true) this.discard(instance);
    else if (instance.retired || instance.broken) this.#disposeIfIdle(instance);
    else if (mode !== 'shared' && instance.retained.size === 0) this.#offer(instance);
  }

  /** Called when nothing is `retained` any more. */
  released(instance: PooledInstance): void {
    if (instance.running > 0) return;
    if (instance.door?.broken === true) this.discard(instance);
    else if (instance.retired || instance.broken) this.#disposeIfIdle(instance);
    else if (this.#options.mode !== 'shared') this.#offer(instance);
  }

  retire(instance: PooledInstance): void {
    instance.retired = true;
    // One that was replaced before takes nothing with it.
    if (this.#current !== instance) return;
    this.#shared = undefined;
    this.#current = undefined;
  }

  /** After a trap: nothing in it can go on. */
  discard(instance: PooledInstance): void {
    instance.broken = true;
    this.#options.onDiscard(instance);
    instance.retained.clear();
    this.retire(instance);
    this.#disposeIfIdle(instance, true);
  }

  /** Instances in which something runs. */
  get busy(): number {
    return this.#all.size - this.#idle.length;
  }

  get hasSpares(): boolean {
    return this.#options.mode === 'fresh';
  }

  /** For `isolation = "request"`: spares up to the bound, one per event-loop turn. */
  refill(): void {
    if (this.#options.mode !== 'fresh') return;
    if (this.#idle.length + this.#making >= this.#options.spares) return;
    this.#make().then(
      (instance) => {
        this.#idle.unshift(instance);
        // One after the other, so that requests come in between.
        setImmediate(() => this.refill());
      },
      () => {},
    );
  }

  memoryBytes(): number {
    let total = 0;
    for (const instance of this.#all) total += instance.door?.memoryBytes() ?? 0;
    return total;
  }

  disposeAll(): void {
    for (const instance of this.#all) instance.door?.dispose();
    this.#all.clear();
    this.#idle.length = 0;
    this.#shared = undefined;
    this.#current = undefined;
  }

  /**
   * A burst of waiting requests leaves instances behind that may never be needed again. Those
   * at the bottom of the stack for a whole window of calls are let go, all but one.
   */
  #countIdle(): void {
    this.#leastIdle = Math.min(this.#leastIdle, this.#idle.length);
    if (++this.#callsInWindow < SURPLUS_WINDOW_CALLS) return;
    for (const surplus of this.#idle.slice(0, Math.max(0, this.#leastIdle - 1))) {
      surplus.retired = true;
      this.#disposeIfIdle(surplus);
    }
    this.#callsInWindow = 0;
    this.#leastIdle = this.#idle.length;
  }

  #offer(instance: PooledInstance): void {
    const next = this.#hoping.shift();
    if (next === undefined) this.#idle.push(instance);
    else next(instance);
  }

  /**
   * Requests come in batches, and most guests answer without ever waiting: the instance that
   * has the first of a batch is back before the turn ends, and takes the next. So a batch of
   * eight needs one instance in place of eight, which costs memory only where guests wait.
   */
  #hope(): Promise<PooledInstance | undefined> | undefined {
    if (this.#options.mode !== 'exclusive' || this.#all.size === 0) return undefined;
    if (this.#hoping.length === 0) {
      setImmediate(() => {
        for (const resolve of this.#hoping.splice(0)) resolve(undefined);
      });
    }
    return new Promise((resolve) => this.#hoping.push(resolve));
  }

  async #acquireShared(): Promise<PooledInstance> {
    for (;;) {
      const making = this.#shared ?? this.#makeShared();
      const instance = await making;
      if (instance.door?.broken === true && !instance.broken) this.discard(instance);
      if (!instance.retired && !instance.broken) {
        if (this.#shared === making) this.#current = instance;
        return instance;
      }
      if (this.#shared === making) this.#shared = undefined;
    }
  }

  #makeShared(): Promise<PooledInstance> {
    const making = this.#make();
    this.#shared = making;
    making.catch(() => {
      if (this.#shared === making) this.#shared = undefined;
    });
    return making;
  }

  async #make(): Promise<PooledInstance> {
    this.#making++;
    try {
      const instance = new PooledInstance(this);
      const { door, files, createContext } = this.#options;
      instance.door = await door.instantiate(files, createContext(instance));
      this.#all.add(instance);
      this.made++;
      return instance;
    } finally {
      this.#making--;
    }
  }

  #disposeIfIdle(instance: PooledInstance, force = false): void {
    if (!force && (instance.running > 0 || instance.retained.size > 0)) return;
    if (!this.#all.delete(instance)) return;
    const at = this.#idle.indexOf(instance);
    if (at >= 0) this.#idle.splice(at, 1);
    instance.door?.dispose();
  }
}
