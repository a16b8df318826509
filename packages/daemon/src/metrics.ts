import type { Labels, Metrics } from '@popmesh/contracts';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * Prometheus metrics in a registry of their own, so that two nodes in one test
 * process do not count into each other. OpenTelemetry was refused for now: 23
 * packages at start-up for the same scrape.
 */

export interface ExposedMetrics extends Metrics {
  /** The scrape, in Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Label sets per metric, of what there is now; what comes after is counted under the value `other`. */
export const METRIC_LABEL_SETS_MAX = 1000;
const OTHER = 'other';

export function createMetrics(): ExposedMetrics {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const known = new Map<string, unknown>();
  const once = <T>(name: string, make: () => T): T => {
    const held = known.get(name) as T | undefined;
    if (held !== undefined) return held;
    const made = make();
    known.set(name, made);
    return made;
  };
  const registers = [register];
  const beyond = new Counter({
    name: 'popmesh_metric_values_without_labels_total',
    help: 'Values counted under the label value other, because their metric has too many label sets',
    labelNames: ['metric'],
    registers,
  });
  const bounded: BoundedLabels[] = [];
  const bound = (metric: Removable, name: string): BoundedLabels['bind'] => {
    const labels = new BoundedLabels(metric, () => beyond.inc({ metric: name }));
    bounded.push(labels);
    return labels.bind;
  };
  return {
    counter: (name, help, labelNames = []) =>
      once(name, () => {
        const metric = new Counter({ name, help, labelNames, registers });
        const bind = bound(metric, name);
        return { add: (value = 1, labels) => metric.inc(bind(labels), value) };
      }),
    gauge: (name, help, labelNames = []) =>
      once(name, () => {
        const metric = new Gauge({ name, help, labelNames, registers });
        const bind = bound(metric, name);
        return { set: (value, labels) => metric.set(bind(labels), value) };
      }),
    histogram: (name, help, buckets, labelNames = []) =>
      once(name, () => {
        const metric = new Histogram({ name, help, labelNames, buckets: [...buckets], registers });
        const bind = bound(metric, name);
        return { observe: (value, labels) => metric.observe(bind(labels), value) };
      }),
    forget: (labels) => {
      for (const each of bounded) each.forget(labels);
    },
    text: () => register.metrics(),
    contentType: register.contentType,
  };
}

interface Removable {
  remove(labels: Record<string, string>): void;
}

/** A tenant chooses function names, so label values are hostile input to the memory of a node. */
class BoundedLabels {
  readonly #metric: Removable;
  readonly #onBeyond: () => void;
  readonly #seen = new Map<string, Labels>();

  constructor(metric: Removable, onBeyond: () => void) {
    this.#metric = metric;
    this.#onBeyond = onBeyond;
  }

  readonly bind = (labels?: Labels): Record<string, string> => {
    if (labels === undefined) return {};
    const key = Object.values(labels).join('\n');
    if (!this.#seen.has(key)) {
      if (this.#seen.size >= METRIC_LABEL_SETS_MAX) {
        this.#onBeyond();
        return Object.fromEntries(Object.keys(labels).map((name) => [name, OTHER]));
      }
      this.#seen.set(key, { ...labels });
    }
    return { ...labels };
  };

  forget(gone: Labels): void {
    const wanted = Object.entries(gone);
    for (const [key, labels] of this.#seen) {
      if (!wanted.every(([name, value]) => labels[name] === value)) continue;
      this.#seen.delete(key);
      this.#metric.remove({ ...labels });
    }
  }
}
