import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, noMetrics, silentLogger } from '@popmesh/contracts';
import { create, FunctionConfigSchema } from '@popmesh/protocol';
import { createRuntime } from '../index.ts';
import { buildGuest } from './guests.ts';
import { digestOf, testClock, testRandom } from './harness.ts';

/**
 * Run by a test as a node that will be killed: serves as many requests as it is told, and ends a
 * minute of its clock, which stands still otherwise, when it is told 0.
 */

const [directory = ''] = process.argv.slice(2);
const MINUTE_MS = 60_000;
/** To the end of the minute: a time that nobody else waits for. */
const LEFT_MS = 30_123;
let nowMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS + MINUTE_MS - LEFT_MS;
let endMinute = (): void => {};
const clock: Clock = {
  ...testClock,
  now: () => nowMs,
  setTimer: (ms, run) => {
    if (ms !== LEFT_MS) return testClock.setTimer(ms, run);
    endMinute = run;
    return { cancel: () => {} };
  },
};

const runtime = createRuntime({
  directory,
  identity: { node: 'n1', pop: 'fra', region: 'eu' },
  config: { spareExecutors: 0 },
  clock,
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
  if (count > 0) void serve(count).then(() => process.send?.(count));
  else {
    nowMs += MINUTE_MS;
    endMinute();
  }
});
process.send?.(runtime.executors()[0]?.pid);
