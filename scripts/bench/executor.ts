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
import {
  type Artifact,
  createRuntime,
  type Prepared,
  type Runtime,
} from '../../packages/runtime/src/index.ts';
import { type ColdStarts, measureColdStarts } from './cold-starts.ts';
import { percentile } from './deploys.ts';

export interface ExecutorFigures {
  readonly coldStarts: ColdStarts;
  /** From no process of that namespace to the first function's first byte. */
  readonly coldProcessMs: readonly number[];
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

const PROCESSES = 8;
const CALLERS = 16;
const INSTANCE_PAIRS = 5;
const SPENT_INSTANCES = 6;
const root = join(import.meta.dirname, '..', '..');
const never = new AbortController().signal;

const rssMb = (pid: number | 'self'): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
const round = (value: number): number => Math.round(value * 10) / 10;

export class RuntimeBench {
  readonly #runtime: Runtime;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(directory: string) {
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
    return this.#runtime.executors().find((it) => it.namespace === 'bench')?.pid ?? 0;
  }

  url(name: string, namespace = 'bench'): string {
    const plane = this.#runtime.dataPlanes().find((it) => it.namespace === namespace);
    return `http://${plane?.address}/${namespace}/${name}/`;
  }

  prepareArtifact(artifact: Artifact): Promise<Prepared> {
    return this.#runtime.prepare(artifact, { memoryMb: 128 }, never);
  }

  apply(
    name: string,
    prepared: Prepared,
    warm: boolean,
    { isolation = '', idleTimeoutMs = 0, max = 0, concurrency = 0, namespace = 'bench' } = {},
  ): Promise<void> {
    const scaling = { idleTimeoutMs, max, concurrency };
    const config = create(FunctionConfigSchema, { isolation, scaling });
    return this.#runtime.apply({
      function: `${namespace}/${name}`,
      revision: 1n,
      warm,
      targets: [{ version: 1, weight: 1, prepared, config }],
    });
  }

  remove(name: string, namespace: string): Promise<void> {
    return this.#runtime.remove(`${namespace}/${name}`);
  }

  /** Milliseconds from request to first byte, and what was answered. */
  ask(name: string, namespace?: string): Promise<{ ms: number; text: string; start: string }> {
    const startedMs = performance.now();
    return new Promise((resolve, reject) => {
      get(this.url(name, namespace), { agent: this.#agent }, (response) => {
        let ms = 0;
        let text = '';
        response.on('data', (bytes: Buffer) => {
          if (text === '') ms = performance.now() - startedMs;
          text += bytes.toString();
        });
        const start = String(response.headers['popmesh-start']);
        response.once('end', () => {
          if (response.statusCode === 200) resolve({ ms, text, start });
          else reject(new Error(`status ${response.statusCode}: ${text.slice(0, 200)}`));
        });
      }).once('error', reject);
    });
  }
}

async function calls(bench: RuntimeBench, name: string, count: number): Promise<void> {
  let left = count;
  const loop = async (): Promise<void> => {
    while (left-- > 0) await bench.ask(name);
  };
  await Promise.all(Array.from({ length: CALLERS }, loop));
}

async function settledRss(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 300));
  return rssMb(pid);
}

/**
 * What a function takes that has this many instances ready in one worker. Each of its requests
 * uses one up and makes another, so as much garbage stands behind one as behind four.
 */
async function standing(
  bench: RuntimeBench,
  prepared: Prepared,
  name: string,
  instances: number,
): Promise<number> {
  const before = await settledRss(bench.pid);
  await bench.apply(name, prepared, true, {
    isolation: 'request',
    max: 1,
    concurrency: instances,
  });
  for (let call = 0; call < SPENT_INSTANCES; call++) {
    await bench.ask(name);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return (await settledRss(bench.pid)) - before;
}

export async function measureExecutor(scratch: string): Promise<ExecutorFigures> {
  const { component } = await build(await loadProject(join(root, 'examples/hello-js')), {
    signal: never,
    onProgress: () => {},
  });
  const bytes = new Uint8Array(component);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const bench = new RuntimeBench(join(scratch, 'runtime'));
  await bench.start();
  try {
    const coldStarts = await measureColdStarts(bench, scratch);
    const first = await bench.prepareArtifact({ digest, load: async () => bytes });
    const coldProcessMs: number[] = [];
    for (let index = 0; index < PROCESSES; index++) {
      // The spare process that the one before took is made again.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const namespace = `process-${index}`;
      const startedMs = performance.now();
      await bench.apply('f', first, false, { namespace });
      await bench.ask('f', namespace);
      coldProcessMs.push(round(performance.now() - startedMs));
      await bench.remove('f', namespace);
    }
    await bench.apply('f0', first, false);
    await bench.ask('f0');

    const beforeIdle = rssMb('self') + rssMb(bench.pid);
    for (let index = 0; index < 500; index++) await bench.apply(`idle-${index}`, first, false);
    const idle500Mb = rssMb('self') + (await settledRss(bench.pid)) - beforeIdle;

    const perInstance: number[] = [];
    for (let pair = 0; pair < INSTANCE_PAIRS; pair++) {
      const one = await standing(bench, first, `one-${pair}`, 1);
      const four = await standing(bench, first, `four-${pair}`, 4);
      perInstance.push((four - one) / 3);
    }
    const instanceMb = percentile(perInstance, 50);

    await calls(bench, 'f0', 1_000);
    const after1000CallsMb = await settledRss(bench.pid);
    await calls(bench, 'f0', 99_000);
    const after100000CallsMb = await settledRss(bench.pid);
    return {
      coldStarts,
      coldProcessMs,
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
