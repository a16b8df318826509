import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { outcome, type Run } from './areas/area.ts';
import { AREAS } from './areas/index.ts';
import { INPUTS, SEED } from './inputs.ts';
import { type JavaScriptFunction, startFunction } from './javascript-function.ts';
import { DIFFERENCES, type Difference } from './known-differences.ts';
import { LISTED } from './written/index.ts';

/** Runs every case in Node and in a function, and says where they part. */

const BATCH = 50;

export interface Disagreement {
  readonly area: string;
  readonly kind: string;
  readonly input: unknown;
  readonly node: unknown;
  readonly ours: unknown;
  readonly known: Difference | undefined;
}

export interface AreaResult {
  readonly area: string;
  readonly cases: number;
  readonly disagreements: readonly Disagreement[];
}

export async function compareAll(only?: string): Promise<AreaResult[]> {
  const subject = await startFunction(new URL('./guest.ts', import.meta.url).pathname, {
    limits: { cpuMs: 20_000 },
  });
  try {
    const results: AreaResult[] = [];
    for (const area of Object.keys(AREAS)) {
      if (only === undefined || area.includes(only)) results.push(await compareArea(subject, area));
    }
    return results;
  } finally {
    await subject.stop();
  }
}

const generated = (area: string): [string, unknown[]][] =>
  Object.entries(INPUTS[area] ?? {}).map(([kind, [count, arbitrary]]) => [
    kind,
    fc.sample(arbitrary, { numRuns: count, seed: SEED }),
  ]);

async function compareArea(subject: JavaScriptFunction, area: string): Promise<AreaResult> {
  let cases = 0;
  const disagreements: Disagreement[] = [];
  for (const [kind, given] of [...generated(area), ...Object.entries(LISTED[area] ?? {})]) {
    const run = AREAS[area]?.[kind] as Run;
    // What JSON loses on the way in, Node's side must not see either.
    const inputs = JSON.parse(JSON.stringify(given)) as unknown[];
    for (let i = 0; i < inputs.length; i += BATCH) {
      const batch = inputs.slice(i, i + BATCH);
      const { status, text } = await subject.post(
        '/',
        JSON.stringify({ area, kind, inputs: batch }),
      );
      if (status !== 200) throw new Error(`${area} ${kind}: ${status} ${text}`);
      const answers = JSON.parse(text) as unknown[];
      for (const [at, input] of batch.entries()) {
        const node = JSON.parse(JSON.stringify(await outcome(() => run(input as never))));
        const ours = answers[at];
        cases++;
        if (isDeepStrictEqual(node, ours)) continue;
        const known = DIFFERENCES.find(
          (it) => it.area === area && it.kinds.includes(kind) && it.matches(input, node, ours),
        );
        disagreements.push({ area, kind, input, node, ours, known });
      }
    }
  }
  return { area, cases, disagreements };
}
