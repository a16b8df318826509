/**
 * Functions that are prepared and have no instance: what the first request of each takes. Each
 * is a function of its own, as if built from its own source: the same engine, another snapshot.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, loadProject } from '../../packages/builder/src/index.ts';
import type { Prepared } from '../../packages/runtime/src/index.ts';
import type { RuntimeBench } from './executor.ts';

export const COLD_STARTS = 60;
/** As long as it takes until a blank worker stands again, and longer than a client would wait. */
const PAUSE_MS = 300;
/** The threads of functions that were measured go soon, or the machine would fill up. */
const IDLE_TIMEOUT_MS = 1_000;
const MARK = 'function-number-';
const DIGITS = 5;

const markOf = (index: number): string => `${MARK}${String(index).padStart(DIGITS, '0')}`;

type Builder = Pick<typeof import('../../packages/builder/src/index.ts'), 'build' | 'loadProject'>;

async function buildMarked({ build, loadProject }: Builder, scratch: string): Promise<Uint8Array> {
  const folder = join(scratch, 'marked');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'popmesh.toml'), 'name = "marked"\n');
  writeFileSync(
    join(folder, 'index.js'),
    `export default { async fetch() { return new Response('${markOf(0)}'); } };\n`,
  );
  const { component } = await build(await loadProject(folder), {
    signal: AbortSignal.timeout(60_000),
    onProgress: () => {},
  });
  return new Uint8Array(component);
}

/** The same function with another answer, wherever its snapshot has it. */
function variant(component: Uint8Array, index: number): Uint8Array {
  const changed = Buffer.from(component);
  const mark = markOf(0);
  for (let at = changed.indexOf(mark); at >= 0; at = changed.indexOf(mark, at + 1)) {
    changed.write(markOf(index), at);
  }
  return new Uint8Array(changed);
}

export interface ColdStarts {
  /** The very first request of the process, which has not compiled the engine yet. */
  readonly coldEngineMs: number;
  /** Request to first byte of the others: the code on disk, the process up, no instance. */
  readonly coldInstanceMs: readonly number[];
  /** Once more, when the instance has gone: its image may be in memory now. */
  readonly coldAgainMs: readonly number[];
  /** Checking and preparing the first of its kind, and each further one. */
  readonly firstPrepareMs: number;
  readonly prepareMs: readonly number[];
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** Functions of one runtime that differ in their number alone; the runtime may be of another checkout. */
export class MarkedFunctions {
  readonly #bench: RuntimeBench;
  readonly #component: Uint8Array;

  private constructor(bench: RuntimeBench, component: Uint8Array) {
    this.#bench = bench;
    this.#component = component;
  }

  static async of(bench: RuntimeBench, builder: Builder, scratch: string) {
    return new MarkedFunctions(bench, await buildMarked(builder, scratch));
  }

  /** Milliseconds that checking and preparing number `index` took. */
  async prepare(index: number): Promise<number> {
    const bytes = variant(this.#component, index);
    const digest = createHash('sha256').update(bytes).digest('hex');
    const startedMs = performance.now();
    const prepared: Prepared = await this.#bench.prepareArtifact({
      digest,
      load: async () => bytes,
    });
    const ms = performance.now() - startedMs;
    await this.#bench.apply(nameOf(index), prepared, false, { idleTimeoutMs: IDLE_TIMEOUT_MS });
    return ms;
  }

  /** Milliseconds from the request to the first byte of number `index`, which has no instance. */
  async ask(index: number): Promise<number> {
    await pause();
    const { ms, text, start } = await this.#bench.ask(nameOf(index));
    if (text !== markOf(index)) throw new Error(`${nameOf(index)} answered ${text.slice(0, 100)}`);
    if (start !== 'cold') throw new Error('the first request was not cold');
    return ms;
  }
}

const nameOf = (index: number): string => `cold-${index}`;

export async function measureColdStarts(bench: RuntimeBench, scratch: string): Promise<ColdStarts> {
  const functions = await MarkedFunctions.of(bench, { build, loadProject }, scratch);
  const ofEach = async (measure: (index: number) => Promise<number>): Promise<number[]> => {
    const samples: number[] = [];
    for (let index = 1; index <= COLD_STARTS; index++) samples.push(await measure(index));
    return samples;
  };
  const [firstPrepareMs = Number.NaN, ...prepareMs] = await ofEach((at) => functions.prepare(at));
  const ask = (): Promise<number[]> => ofEach((at) => functions.ask(at));
  const [coldEngineMs = Number.NaN, ...coldInstanceMs] = await ask();
  return { coldEngineMs, coldInstanceMs, coldAgainMs: await ask(), firstPrepareMs, prepareMs };
}
