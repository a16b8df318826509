import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, METRIC_LABEL_SETS_MAX } from '@popmesh/daemon';
import { emptyUsage } from './executor/usage.ts';
import { RuntimeMeters } from './runtime-meters.ts';

const used = (fn: `acme/${string}`, version: number) => ({
  ...emptyUsage(fn, version),
  requests: 1,
});

test('functions that came and went make no room scarce; versions are one series', async () => {
  const metrics = createMetrics();
  const meters = new RuntimeMeters(metrics);
  for (let i = 0; i < 2 * METRIC_LABEL_SETS_MAX; i++) {
    const id = `acme/f${i}` as const;
    meters.serves(id);
    for (const version of [1, 2, 3]) meters.used(used(id, version));
    meters.removed(id);
    // The executor's last words on it.
    meters.used(used(id, 3));
  }
  meters.serves('acme/stays');
  meters.used(used('acme/stays', 9));
  const text = await metrics.text();
  const series = text.split('\n').filter((line) => line.startsWith('popmesh_function_requests'));
  assert.deepEqual(series, [
    `popmesh_function_requests_total{function="other"} ${2 * METRIC_LABEL_SETS_MAX}`,
    'popmesh_function_requests_total{function="acme/stays"} 1',
  ]);
  assert.doesNotMatch(text, /values_without_labels_total\{/);
});
