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

const COLD_STARTS = 60;
/** As long as it takes until a blank worker stands again, and longer than a client would wait. */
const PAUSE_MS = 300;
/** The threads of functions that were measured go soon, or the machine would fill up. */
const IDLE_TIMEOUT_MS = 1_000;
const MARK = 'function-number-';
const DIGITS = 5;

const markOf = (index: number): string => `${MARK}${String(index).padStart(DIGITS, '0')}`;

async function buildMarked(scratch: string): Promise<Uint8Array> {
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

export async function measureColdStarts(bench: RuntimeBench, scratch: string): Promise<ColdStarts> {
  const component = await buildMarked(scratch);
  const prepareMs: number[] = [];
  const names: string[] = [];
  for (let index = 1; index <= COLD_STARTS; index++) {
    const bytes = variant(component, index);
    const digest = createHash('sha256').update(bytes).digest('hex');
    const startedMs = performance.now();
    const prepared: Prepared = await bench.prepareArtifact({ digest, load: async () => bytes });
    prepareMs.push(performance.now() - startedMs);
    names.push(`cold-${index}`);
    await bench.apply(`cold-${index}`, prepared, false, { idleTimeoutMs: IDLE_TIMEOUT_MS });
  }
  const ask = async (): Promise<number[]> => {
    const samples: number[] = [];
    for (const [at, name] of names.entries()) {
      await pause();
      const { ms, text, start } = await bench.ask(name);
      if (text !== markOf(at + 1)) throw new Error(`${name} answered ${text.slice(0, 100)}`);
      if (start !== 'cold') throw new Error('the first request was not cold');
      samples.push(ms);
    }
    return samples;
  };
  const [coldEngineMs = Number.NaN, ...coldInstanceMs] = await ask();
  return {
    coldEngineMs,
    coldInstanceMs,
    coldAgainMs: await ask(),
    firstPrepareMs: prepareMs[0] ?? Number.NaN,
    prepareMs: prepareMs.slice(1),
  };
}
