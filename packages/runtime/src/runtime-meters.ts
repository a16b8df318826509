import type { Metrics } from '@popmesh/contracts';
import type { ExecutorLoad, UsageRow } from './executor/control.ts';
import type { Swept } from './prepare/store.ts';

/** What the room counts, by name. */
export class RuntimeMeters {
  readonly #counters;
  readonly #workers;
  readonly #running;
  readonly #queued;
  readonly #compiled;
  readonly #resident;
  readonly #relieved;
  readonly #prepare;
  readonly #dropped;
  readonly #usageDropped;
  readonly #trials;
  readonly #unused;
  readonly #swept;
  readonly #metrics: Metrics;
  /** Only these are named: what an executor reports of one that was removed would bring it back. */
  readonly #functions = new Set<string>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    // Not by version: a function deployed each minute would be a new series each minute.
    const labels = ['function'];
    const counter = (name: string, help: string) =>
      metrics.counter(`popmesh_function_${name}`, help, labels);
    this.#counters = {
      requests: counter('requests_total', 'Requests answered'),
      errors: counter('errors_total', 'Requests that ended in an error of function or platform'),
      coldStarts: counter('cold_starts_total', 'Requests that waited for a first instance'),
      wallMs: counter('wall_ms_total', 'Milliseconds from request to response'),
      cpuMs: counter('cpu_ms_total', 'CPU milliseconds of the worker threads'),
      bytesIn: counter('bytes_in_total', 'Bytes of request bodies'),
      bytesOut: counter('bytes_out_total', 'Bytes of response bodies'),
      gbSeconds: counter('gb_seconds_total', 'Memory limit times running time'),
    } as const;
    const perNamespace = ['namespace'];
    this.#workers = metrics.gauge('popmesh_executor_workers', 'Worker threads', perNamespace);
    this.#running = metrics.gauge('popmesh_executor_running', 'Requests running', perNamespace);
    this.#queued = metrics.gauge('popmesh_executor_queued', 'Requests waiting', perNamespace);
    this.#compiled = metrics.gauge(
      'popmesh_executor_compiled_modules',
      'Core modules compiled since the executor began',
      perNamespace,
    );
    this.#resident = metrics.gauge(
      'popmesh_executor_resident_bytes',
      'Memory of the executor process',
      perNamespace,
    );
    this.#relieved = metrics.counter(
      'popmesh_memory_evictions_total',
      'Idle instances that were asked to end because memory is short',
    );
    this.#prepare = metrics.histogram(
      'popmesh_prepare_ms',
      'Time to check and prepare a component, by outcome',
      [5, 50, 250, 500, 1_000, 2_500, 5_000, 10_000],
      ['outcome'],
    );
    this.#trials = metrics.histogram(
      'popmesh_trial_ms',
      'Time to make one instance of what is about to be deployed',
      [10, 50, 100, 250, 1_000, 5_000, 30_000],
    );
    this.#unused = metrics.gauge(
      'popmesh_prepared_unused_bytes',
      'Prepared files that no deployed version uses',
    );
    this.#swept = metrics.counter(
      'popmesh_prepared_removed_total',
      'Prepared components removed because no deployed version uses them',
    );
    this.#usageDropped = metrics.counter(
      'popmesh_usage_reports_dropped_total',
      'Reports of usage that were not counted: too many rows wait for the disk',
    );
    this.#dropped = metrics.counter(
      'popmesh_log_lines_dropped_total',
      'Function log lines dropped',
    );
  }

  swept({ removed, unusedBytes }: Swept): void {
    this.#unused.set(unusedBytes);
    if (removed > 0) this.#swept.add(removed);
  }

  usageDropped(): void {
    this.#usageDropped.add(1);
  }

  tried(ms: number): void {
    this.#trials.observe(ms);
  }

  prepared(ms: number, outcome: string): void {
    this.#prepare.observe(ms, { outcome });
  }

  logsDropped(count: number): void {
    if (count > 0) this.#dropped.add(count);
  }

  used(row: UsageRow): void {
    const labels = { function: this.#functions.has(row.function) ? row.function : 'other' };
    for (const [key, counter] of Object.entries(this.#counters)) {
      const value = row[key as keyof typeof row] as number;
      if (value > 0) counter.add(value, labels);
    }
  }

  serves(id: string): void {
    this.#functions.add(id);
  }

  removed(id: string): void {
    this.#functions.delete(id);
    this.#metrics.forget({ function: id });
  }

  ended(namespace: string): void {
    this.#metrics.forget({ namespace });
  }

  load(namespace: string, load: ExecutorLoad): void {
    const labels = { namespace };
    this.#workers.set(load.workers, labels);
    this.#running.set(load.running, labels);
    this.#queued.set(load.queued, labels);
    this.#compiled.set(load.compiled, labels);
    this.#resident.set(load.residentBytes, labels);
  }

  relieved(count: number): void {
    if (count > 0) this.#relieved.add(count);
  }
}
