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

/** Distinct label sets per metric; what comes after is counted under the label value `other`. */
export const METRIC_LABEL_SETS_MAX = 1000;

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
  return {
    counter: (name, help, labelNames = []) =>
      once(name, () => {
        const metric = new Counter({ name, help, labelNames, registers });
        const bound = boundedLabels();
        return { add: (value = 1, labels) => metric.inc(bound(labels), value) };
      }),
    gauge: (name, help, labelNames = []) =>
      once(name, () => {
        const metric = new Gauge({ name, help, labelNames, registers });
        const bound = boundedLabels();
        return { set: (value, labels) => metric.set(bound(labels), value) };
      }),
    histogram: (name, help, buckets, labelNames = []) =>
      once(name, () => {
        const metric = new Histogram({ name, help, labelNames, buckets: [...buckets], registers });
        const bound = boundedLabels();
        return { observe: (value, labels) => metric.observe(bound(labels), value) };
      }),
    text: () => register.metrics(),
    contentType: register.contentType,
  };
}

/** A tenant chooses function names, so label values are hostile input to the memory of a node. */
function boundedLabels(): (labels?: Labels) => Record<string, string> {
  const seen = new Set<string>();
  return (labels) => {
    if (labels === undefined) return {};
    const key = Object.values(labels).join('\n');
    if (!seen.has(key)) {
      if (seen.size >= METRIC_LABEL_SETS_MAX) {
        return Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']));
      }
      seen.add(key);
    }
    return { ...labels };
  };
}
