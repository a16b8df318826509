/** Counters, gauges and histograms by name; the real ones (Prometheus) are in `daemon`. */

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(value?: number, labels?: Labels): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
}
export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export interface Metrics {
  /** `name` in snake case with its unit; asking twice gives the same one. */
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames?: readonly string[],
  ): Histogram;
  /** Takes what has all of these labels out of every metric: a function, or a namespace, is gone. */
  forget(labels: Labels): void;
}

const nothing = { add: () => {}, set: () => {}, observe: () => {} };
export const noMetrics: Metrics = {
  counter: () => nothing,
  gauge: () => nothing,
  histogram: () => nothing,
  forget: () => {},
};
