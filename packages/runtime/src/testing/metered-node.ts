import { setTimeout as sleep } from 'node:timers/promises';
import { noMetrics, silentLogger } from '@popmesh/contracts';
import { create, FunctionConfigSchema } from '@popmesh/protocol';
import { createRuntime } from '../index.ts';
import { buildGuest } from './guests.ts';
import { digestOf, testClock, testRandom } from './harness.ts';

/**
 * Run by a test as a node that will be killed: serves some requests shortly before a minute of
 * its clock ends, waits for that minute to be on disk, serves more, and says so.
 */

const [directory = ''] = process.argv.slice(2);
const MINUTE_MS = 60_000;
/** The wall clock of this node is late by so much that its minute ends some seconds from now: after the deploy. */
const lateMs = (Date.now() + 6_000) % MINUTE_MS;

const runtime = createRuntime({
  directory,
  identity: { node: 'n1', pop: 'fra', region: 'eu' },
  config: { spareExecutors: 0 },
  clock: { ...testClock, now: () => Date.now() - lateMs },
  random: testRandom,
  logger: silentLogger,
  metrics: noMetrics,
});
const component = await buildGuest();
await runtime.start(new AbortController().signal);
const prepared = await runtime.prepare(
  { digest: digestOf(component), load: async () => component },
  { memoryMb: 128 },
  new AbortController().signal,
);
const config = create(FunctionConfigSchema, {});
await runtime.apply({
  function: 'default/f',
  revision: 1n,
  targets: [{ version: 1, weight: 1, prepared, config }],
});
const address = runtime.dataPlanes()[0]?.address;

async function serve(count: number): Promise<void> {
  const before = runtime.usage()[0]?.requests ?? 0;
  for (let i = 0; i < count; i++) {
    await (await fetch(`http://${address}/default/f/hello`)).text();
  }
  // The executor reports twice a second.
  while ((runtime.usage()[0]?.requests ?? 0) < before + count) await sleep(20);
}

process.on('message', (count: number) => {
  void serve(count).then(() => process.send?.(count));
});
process.send?.(runtime.executors()[0]?.pid);
