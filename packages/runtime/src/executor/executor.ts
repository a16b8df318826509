import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, PopmeshError, type Random } from '@popmesh/contracts';
import type { ExecutorInit, ExecutorLoad, FromExecutor, ToExecutor } from './control.ts';
import { DataPlane } from './data-plane.ts';
import { PlainListener } from './http1/plain-listener.ts';
import { LogRelay } from './log-relay.ts';
import type { ModuleLoader } from './module-loader.ts';
import { Repairs } from './repairs.ts';
import { type CreatePool, type PoolReports, RoutingTable } from './routing-table.ts';
import type { Slot } from './slot.ts';
import { SlotPool } from './slot-pool.ts';
import { StartGate } from './start-gate.ts';
import { UsageMeter } from './usage.ts';
import { Watch } from './watch.ts';
import type { WorkerSupply } from './worker-supply.ts';

/**
 * One namespace's executor, from the inside: listener, functions, workers and reports, wired
 * top to bottom. Its process is disposable; everything it knows comes from `init` and `apply`.
 */

export interface ExecutorParts {
  readonly init: ExecutorInit;
  /** Made while nobody knew whose process this would be. */
  readonly supply: WorkerSupply;
  readonly loader: ModuleLoader;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: (run: () => void) => void;
  /** Resolves when the message has left, or nobody is there to take it. */
  readonly send: (message: FromExecutor) => Promise<void>;
  /** CPU of the whole process so far, in microseconds. */
  readonly cpuMicros: () => number;
  readonly residentBytes: () => number;
}

const SWEEP_MS = 250;
/** Idle instances that the daemon learns of: more than it ever ends at once. */
const IDLE_REPORTED_MAX = 64;
const REQUEST_HEAD_BYTES_MAX = 16 * 1024;

export class Executor {
  readonly #parts: ExecutorParts;
  readonly #server: Server;
  readonly #plain: PlainListener;
  readonly #routes: RoutingTable;
  readonly #dataPlane: DataPlane;
  readonly #watch: Watch;
  readonly #supply: WorkerSupply;
  readonly #loader: ModuleLoader;
  readonly #usage = new UsageMeter();
  readonly #logs = new LogRelay();
  readonly #gate = new StartGate();
  readonly #repairs: Repairs;
  /** The node has no memory for further instances. */
  #starved = false;
  #reportedAtMs = 0;
  #cpuMicros = 0;
  #stopped = false;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    const { init, clock, random, schedule } = parts;
    this.#loader = parts.loader;
    const { config, node, pop, region } = init;
    this.#supply = parts.supply;
    this.#repairs = new Repairs((directory) => parts.send({ type: 'damaged', directory }));
    this.#routes = new RoutingTable(
      this.#loader,
      (options) =>
        new SlotPool({
          ...this.#standing(options),
          ...options,
          place: { node, pop, region },
          config,
          clock,
          supply: this.#supply,
          schedule,
          isStarved: () => this.#starved,
          makeRoom: () => this.#makeRoom(),
        }),
      (directory) => this.#repairs.of(directory),
      (directories) => this.#supply.keepOnly(this.#loader.keepOnly(directories)),
    );
    this.#dataPlane = new DataPlane({ routes: this.#routes, config, clock, random });
    this.#watch = new Watch({
      clock,
      pollMs: config.cpuPollMs,
      pools: () => this.#routes.pools(),
      invocations: this.#dataPlane.invocations,
    });
    this.#dataPlane.watch = this.#watch;
    this.#server = createServer(
      {
        maxHeaderSize: REQUEST_HEAD_BYTES_MAX,
        headersTimeout: config.headersTimeoutMs,
        requestTimeout: config.limits.timeoutMs.ceiling,
        keepAliveTimeout: config.keepAliveTimeoutMs,
        connectionsCheckingInterval: 1_000,
        insecureHTTPParser: false,
        noDelay: true,
      },
      this.#dataPlane.serve,
    );
    this.#server.maxConnections = config.connectionsMax;
    this.#plain = new PlainListener({
      server: this.#server,
      clock,
      keepAliveTimeoutMs: config.keepAliveTimeoutMs,
      headersTimeoutMs: config.headersTimeoutMs,
      handle: (head, exchange) => this.#dataPlane.handle(head, exchange),
    });
  }

  start(): void {
    this.#reportedAtMs = this.#parts.clock.monotonic();
    this.#cpuMicros = this.#parts.cpuMicros();
    this.#scheduleTicks();
  }

  /** How a function's pool is known outside; one on trial has ways of its own. */
  #standing({ function: id, target }: Parameters<CreatePool>[0]): PoolReports {
    const { clock, send } = this.#parts;
    return {
      enter: () => this.#gate.enter(id),
      onStart: (state) => send({ type: 'slot', function: id, state }),
      usage: this.#usage.rowOf(id, target.version),
      onLog: (level, message, requestId) =>
        this.#logs.add({
          timeMs: clock.now(),
          function: id,
          version: target.version,
          level,
          message,
          requestId,
        }),
    };
  }

  async #open(): Promise<void> {
    const { init, send } = this.#parts;
    const port = await this.#listen(init.port).catch((error: NodeJS.ErrnoException) => {
      if (init.port !== 0 && error.code === 'EADDRINUSE') return this.#listen(0);
      throw error;
    });
    const host = init.config.host.includes(':') ? `[${init.config.host}]` : init.config.host;
    send({ type: 'listening', address: `${host}:${port}`, port });
  }

  receive(message: ToExecutor): void {
    switch (message.type) {
      case 'apply':
        this.#answer(message.callId, this.#routes.apply(message.deployment));
        return;
      case 'try':
        this.#answer(message.callId, this.#routes.try(message.deployment));
        return;
      case 'remove':
        this.#routes.remove(message.function);
        this.#answer(message.callId, Promise.resolve());
        return;
      case 'open':
        this.#answer(message.callId, this.#open());
        return;
      case 'drain':
        this.#answer(message.callId, this.#drain());
        return;
      case 'suspect':
        this.#gate.suspect(message.functions);
        return;
      case 'repaired':
        this.#repairs.ended(message.directory, message.error);
        return;
      case 'memory':
        this.#starved = message.refuse;
        for (const slot of this.#idleSlots().slice(0, message.end)) void slot.end();
        return;
      case 'warm':
        void this.#routes.warm(message.functions);
        return;
      case 'boot':
      case 'expect':
      case 'init':
        return;
    }
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#watch.stop();
    this.#server.close();
    this.#server.closeAllConnections();
    this.#plain.closeAll();
    await this.#routes.close();
    await this.#supply.close();
    const logs = this.#logs.take();
    if (logs !== undefined) void this.#parts.send({ type: 'logs', ...logs });
    await this.#report();
  }

  #listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, host: this.#parts.init.config.host, backlog: 1_024 }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Requests that still come are served, on connections that close after them. */
  async #drain(): Promise<void> {
    this.#dataPlane.draining = true;
    this.#server.closeIdleConnections();
    this.#plain.closeIdle();
    await this.#dataPlane.whenIdle();
    this.#report();
  }

  #answer(callId: number, work: Promise<void>): void {
    work.then(
      () => this.#parts.send({ type: 'done', callId }),
      (caught: unknown) => {
        const error = PopmeshError.from(caught, 'executor_failed').toJSON();
        this.#parts.send({ type: 'done', callId, error });
      },
    );
  }

  /** More functions than threads: the one that was asked longest ago makes room. */
  async #makeRoom(): Promise<void> {
    await this.#idleSlots()[0]?.end();
  }

  /** Longest idle first. */
  #idleSlots(): Slot[] {
    const idle = [...this.#routes.pools()].flatMap((pool) => [...pool.idleSlots()]);
    return idle.sort((a, b) => a.idleSinceMs - b.idleSinceMs);
  }

  #scheduleTicks(): void {
    const { clock, init } = this.#parts;
    const every = (ms: number, run: () => void): void => {
      clock.setTimer(ms, () => {
        if (this.#stopped) return;
        run();
        every(ms, run);
      });
    };
    every(SWEEP_MS, () => {
      const nowMs = clock.monotonic();
      for (const pool of this.#routes.pools()) pool.sweep(nowMs);
      this.#watch.sweep();
      this.#plain.sweep(nowMs);
      const logs = this.#logs.take();
      if (logs !== undefined) this.#parts.send({ type: 'logs', ...logs });
    });
    every(init.config.reportIntervalMs, () => this.#report());
  }

  #report(): Promise<void> {
    const { clock, send, cpuMicros } = this.#parts;
    const nowMs = clock.monotonic();
    const micros = cpuMicros();
    const elapsedMs = Math.max(1, nowMs - this.#reportedAtMs);
    const cpuCores = (micros - this.#cpuMicros) / 1000 / elapsedMs;
    this.#reportedAtMs = nowMs;
    this.#cpuMicros = micros;
    return send({ type: 'usage', rows: this.#usage.take(), load: this.#load(cpuCores) });
  }

  #load(cpuCores: number): ExecutorLoad {
    let running = 0;
    let queued = 0;
    let capacity = 0;
    let slots = 0;
    for (const pool of this.#routes.pools()) {
      running += pool.running;
      queued += pool.queued;
      capacity += pool.capacity;
      for (const slot of pool.slots) if (slot.state === 'ready') slots++;
    }
    const nowMs = this.#parts.clock.monotonic();
    const idle = this.#idleSlots().slice(0, IDLE_REPORTED_MAX);
    return {
      cpuCores,
      running,
      queued,
      capacity,
      workers: this.#supply.alive,
      slots,
      compiled: this.#loader.compiled,
      residentBytes: this.#parts.residentBytes(),
      idleMs: idle.map((slot) => nowMs - slot.idleSinceMs),
    };
  }
}
