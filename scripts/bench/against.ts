/**
 * `npm run bench -- --against <folder>`: this checkout beside another one, an earlier commit
 * as a rule. Both meshes stand at the same time and are measured in turns, so what the machine
 * does in a minute happens to both; the figure is the ratio of two neighbouring turns, and the
 * median of those ratios. Refused: two runs of the whole bench, one after the other, whose
 * figures differ by more than the 3 % that are looked for.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { COLD_STARTS } from './cold-starts.ts';
import type { ColdStartOrder } from './cold-starts-child.ts';
import { percentile } from './deploys.ts';
import { chooseLoad, type Load } from './load.ts';
import { type BenchMesh, startMesh } from './mesh.ts';
import { pinnedToOneCore, type Target } from './throughput.ts';

const root = join(import.meta.dirname, '..', '..');
const NAMES = ['hello-js', 'hello-rust'] as const;
const WARM_UP_S = 6;
/** The least that wrk can; many short turns tell more than few long ones on a machine that changes. */
const TURN_S = 1;
export const TURNS = 60;
const COLD_MS_MAX = 300_000;
/** What a change may cost before it wants a reason. */
const LOSS_MAX = 0.03;

export interface Comparison {
  readonly what: string;
  readonly unit: 'requests/s' | 'ms';
  readonly ours: number;
  readonly theirs: number;
  /** Above 1 is better than theirs, for requests per second and for milliseconds alike. */
  readonly ratio: number;
  /** The quarters of the ratios of single turns: how much the machine moved. */
  readonly spread: readonly [low: number, high: number];
}

interface Pair {
  readonly ours: number;
  readonly theirs: number;
}

export function compare(
  what: string,
  unit: Comparison['unit'],
  pairs: readonly Pair[],
): Comparison {
  const ratios = pairs.map(({ ours, theirs }) => (unit === 'ms' ? theirs / ours : ours / theirs));
  const middle = (values: readonly number[]): number => percentile(values, 50);
  return {
    what,
    unit,
    ours: middle(pairs.map(({ ours }) => ours)),
    theirs: middle(pairs.map(({ theirs }) => theirs)),
    ratio: median(ratios),
    spread: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
  };
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
};

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return (
    ((sorted[Math.ceil(half) - 1] ?? Number.NaN) + (sorted[Math.floor(half)] ?? Number.NaN)) / 2
  );
}

const targetsOf = (mesh: BenchMesh): Target[] => [
  ...NAMES.map((name) => ({
    name: `${name} on a node`,
    url: `${mesh.dataPlane}/default/${name}/`,
    pid: mesh.pid,
  })),
  {
    name: 'hello-js through the gateway',
    url: `${mesh.gateway}/default/hello-js/`,
    headers: { 'popmesh-client-location': '50.11,8.68' },
    pid: mesh.gatewayPid,
  },
];

/** Ours and theirs, one after the other, and who begins changes, so that neither always follows. */
async function pairOf<T>(
  [ours, theirs]: readonly [T, T],
  turn: number,
  measure: (one: T) => Promise<number>,
): Promise<Pair> {
  const oursFirst = turn % 2 === 0;
  const first = await measure(oursFirst ? ours : theirs);
  const second = await measure(oursFirst ? theirs : ours);
  return oursFirst ? { ours: first, theirs: second } : { ours: second, theirs: first };
}

async function throughputPairs(
  load: Load,
  meshes: readonly [BenchMesh, BenchMesh],
  turns: number,
  note: (line: string) => void,
): Promise<Comparison[]> {
  const [ours, theirs] = meshes.map(targetsOf) as [Target[], Target[]];
  const rps = async ({ url, headers = {} }: Target, seconds: number): Promise<number> =>
    (await load.run(url, headers, seconds)).rps;
  const compared: Comparison[] = [];
  for (const [index, mine] of ours.entries()) {
    const other = theirs[index] as Target;
    note(`${mine.name}, in ${turns} turns each…`);
    await rps(mine, WARM_UP_S);
    await rps(other, WARM_UP_S);
    const pairs: Pair[] = [];
    for (let turn = 0; turn < turns; turn++) {
      pairs.push(await pairOf([mine, other], turn, (target) => rps(target, TURN_S)));
    }
    const one = compare(mine.name, 'requests/s', pairs);
    note(`${one.what}: ${one.ours} against ${one.theirs} requests/s`);
    compared.push(one);
  }
  return compared;
}

/** The runtime of one checkout, in a process of its own, that measures what it is told to. */
class ColdStartProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  private constructor(folder: string, scratch: string) {
    mkdirSync(scratch, { recursive: true });
    this.#child = fork(join(import.meta.dirname, 'cold-starts-child.ts'), [folder, scratch], {
      cwd: folder,
      timeout: COLD_MS_MAX,
    });
    this.#ended = new Promise((_, failed) => {
      this.#child.once('error', failed);
      // Not `close`, which does not come after a disconnect from this side.
      this.#child.once('exit', (code) =>
        failed(new Error(`cold starts of ${folder} ended with ${code}`)),
      );
    });
    this.#ended.catch(() => {});
  }

  static async of(folder: string, scratch: string): Promise<ColdStartProcess> {
    const made = new ColdStartProcess(folder, scratch);
    await made.#answer();
    return made;
  }

  measure(order: ColdStartOrder): Promise<number> {
    this.#child.send(order);
    return this.#answer();
  }

  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended.catch(() => {});
  }

  async #answer(): Promise<number> {
    const answer = once(this.#child, 'message') as Promise<[number]>;
    const [ms] = await Promise.race([answer, this.#ended]);
    return ms;
  }
}

async function coldStartPairs(
  folders: readonly [string, string],
  scratch: string,
  note: (line: string) => void,
): Promise<Comparison[]> {
  note(`cold starts, ${COLD_STARTS} in turns each…`);
  const running: ColdStartProcess[] = [];
  try {
    for (const [at, folder] of folders.entries()) {
      running.push(await ColdStartProcess.of(folder, join(scratch, `cold-${at}`)));
    }
    const both = running as [ColdStartProcess, ColdStartProcess];
    const compared: Comparison[] = [];
    for (const [step, what] of [
      ['prepare', 'preparing a further function'],
      ['ask', 'cold start of an instance'],
    ] as const) {
      const pairs: Pair[] = [];
      for (let index = 1; index <= COLD_STARTS; index++) {
        pairs.push(await pairOf(both, index, (one) => one.measure({ step, index })));
      }
      // The first of each compiles the engine.
      compared.push(compare(what, 'ms', pairs.slice(1)));
    }
    return compared;
  } finally {
    for (const one of running) await one.stop();
  }
}

export async function runAgainst(
  folder: string,
  scratch: string,
  turns: number,
  note: (line: string) => void,
): Promise<Comparison[]> {
  const other = resolve(folder);
  if (!existsSync(join(other, 'node_modules')) || !existsSync(join(other, 'scripts/bench'))) {
    throw new Error(
      `${other} is no checkout that is set up: run \`npm run check\` in it once, then this again`,
    );
  }
  const load = chooseLoad(note);
  const cold = await coldStartPairs([root, other], scratch, note);
  note('starting both meshes…');
  const meshes: BenchMesh[] = [];
  try {
    for (const [at, checkout] of [root, other].entries()) {
      const state = join(scratch, `mesh-${at}`);
      mkdirSync(state);
      meshes.push(await startMesh(state, checkout));
    }
    const both = meshes as [BenchMesh, BenchMesh];
    const pids = both.flatMap(({ pid, gatewayPid }) => [pid, gatewayPid]);
    const compared = await pinnedToOneCore(load, pids, (pinned) =>
      throughputPairs(pinned, both, turns, note),
    );
    return [...compared, ...cold];
  } finally {
    for (const mesh of meshes) await mesh.stop();
  }
}

export function showComparison(compared: readonly Comparison[]): void {
  console.log(
    'what                               this checkout   the other   ratio   quarters of the ratios',
  );
  for (const { what, unit, ours, theirs, ratio, spread } of compared) {
    const verdict = ratio >= 1 - LOSS_MAX ? '' : `   more than ${LOSS_MAX * 100} % worse`;
    console.log(
      `${what.padEnd(34)} ${`${ours} ${unit}`.padStart(18)} ${String(theirs).padStart(9)} ${ratio.toFixed(3).padStart(7)}   ${spread.map((value) => value.toFixed(3)).join(' to ')}${verdict}`,
    );
  }
  console.log('A ratio above 1 is better than the other checkout, for times as well.');
}
