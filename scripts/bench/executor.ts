/**
 * What a mesh would blur: one runtime with nothing around it. Cold starts of components that
 * are prepared and have no instance, and memory.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { build, loadProject } from '../../packages/builder/src/index.ts';
import { noMetrics, silentLogger } from '../../packages/contracts/src/index.ts';
import { realClock, realRandom } from '../../packages/daemon/src/index.ts';
import { create, FunctionConfigSchema } from '../../packages/protocol/src/index.ts';
import { createRuntime, type Prepared, type Runtime } from '../../packages/runtime/src/index.ts';

export interface ExecutorFigures {
  /** Request to first byte: the code on disk, the process up, no instance, nothing compiled. */
  readonly coldInstanceMs: readonly number[];
  /** From no process to the first function's first byte. */
  readonly coldProcessMs: number;
  readonly memory: {
    /** RSS of the executor, MB. */
    readonly after1000CallsMb: number;
    readonly after100000CallsMb: number;
    /** What one more warm JavaScript instance takes in the same worker. */
    readonly instanceMb: number;
    /** What 500 deployed functions that never ran take, node process and executor together. */
    readonly idle500Mb: number;
  };
}

const COLD_STARTS = 10;
const CALLERS = 16;
const root = join(import.meta.dirname, '..', '..');
const never = new AbortController().signal;

const rssMb = (pid: number | 'self'): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
const round = (value: number): number => Math.round(value * 10) / 10;

/** The same component under another digest: a custom section is added, and nobody reads it. */
function variant(component: Uint8Array, index: number): Uint8Array {
  const section = [0, 6, 1, 0x76, ...Buffer.from(String(index).padStart(4, '0'))];
  return Uint8Array.from([...component, ...section]);
}

class Bench {
  readonly #component: Uint8Array;
  readonly #runtime: Runtime;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(component: Uint8Array, directory: string) {
    this.#component = component;
    this.#runtime = createRuntime({
      directory,
      identity: { node: 'bench', pop: 'fra', region: 'eu' },
      clock: realClock,
      random: realRandom,
      logger: silentLogger,
      metrics: noMetrics,
    });
  }

  start(): Promise<void> {
    return this.#runtime.start(never);
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#runtime.stop();
  }

  get pid(): number {
    return this.#runtime.executors()[0]?.pid ?? 0;
  }

  url(name: string): string {
    return `http://${this.#runtime.dataPlanes()[0]?.address}/bench/${name}/`;
  }

  prepare(index: number): Promise<Prepared> {
    const bytes = variant(this.#component, index);
    const digest = createHash('sha256').update(bytes).digest('hex');
    return this.#runtime.prepare({ digest, load: async () => bytes }, { memoryMb: 128 }, never);
  }

  apply(name: string, prepared: Prepared, warm: boolean, isolation = ''): Promise<void> {
    return this.#runtime.apply({
      function: `bench/${name}`,
      revision: 1n,
      warm,
      targets: [
        { version: 1, weight: 1, prepared, config: create(FunctionConfigSchema, { isolation }) },
      ],
    });
  }

  /** Milliseconds from request to first byte. */
  first(name: string): Promise<number> {
    const startedMs = performance.now();
    return new Promise((resolve, reject) => {
      get(this.url(name), { agent: this.#agent }, (response) => {
        response.once('data', () => resolve(performance.now() - startedMs));
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      }).once('error', reject);
    });
  }
}

async function calls(bench: Bench, name: string, count: number): Promise<void> {
  let left = count;
  const loop = async (): Promise<void> => {
    while (left-- > 0) await bench.first(name);
  };
  await Promise.all(Array.from({ length: CALLERS }, loop));
}

async function settledRss(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 300));
  return rssMb(pid);
}

export async function measureExecutor(scratch: string): Promise<ExecutorFigures> {
  const { component } = await build(await loadProject(join(root, 'examples/hello-js')), {
    signal: never,
    onProgress: () => {},
  });
  const bench = new Bench(new Uint8Array(component), join(scratch, 'runtime'));
  await bench.start();
  try {
    const prepared = await Promise.all(
      Array.from({ length: COLD_STARTS + 1 }, (_, index) => bench.prepare(index)),
    );
    const first = prepared[0] as Prepared;
    const startedMs = performance.now();
    await bench.apply('f0', first, false);
    const coldProcessMs = performance.now() - startedMs + (await bench.first('f0'));
    const coldInstanceMs: number[] = [];
    for (let index = 1; index <= COLD_STARTS; index++) {
      await bench.apply(`f${index}`, prepared[index] as Prepared, false);
      // The spare thread that the one before took is made again.
      await new Promise((resolve) => setTimeout(resolve, 300));
      coldInstanceMs.push(round(await bench.first(`f${index}`)));
    }

    const beforeIdle = rssMb('self') + rssMb(bench.pid);
    for (let index = 0; index < 500; index++) await bench.apply(`idle-${index}`, first, false);
    const idle500Mb = rssMb('self') + (await settledRss(bench.pid)) - beforeIdle;

    // With "request" four instances stand ready in the worker, with "instance" one.
    const before = await settledRss(bench.pid);
    await bench.apply('one', first, true);
    const one = await settledRss(bench.pid);
    await bench.apply('four', first, true, 'request');
    await calls(bench, 'four', 8);
    const four = await settledRss(bench.pid);
    const instanceMb = Math.max(0, (four - one - (one - before)) / 3);

    await calls(bench, 'f0', 1_000);
    const after1000CallsMb = await settledRss(bench.pid);
    await calls(bench, 'f0', 99_000);
    const after100000CallsMb = await settledRss(bench.pid);
    return {
      coldInstanceMs,
      coldProcessMs: round(coldProcessMs),
      memory: {
        after1000CallsMb: round(after1000CallsMb),
        after100000CallsMb: round(after100000CallsMb),
        instanceMb: round(instanceMb),
        idle500Mb: round(idle500Mb),
      },
    };
  } finally {
    await bench.stop();
  }
}
