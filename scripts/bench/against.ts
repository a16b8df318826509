/**
 * `npm run bench -- --against <folder>`: this checkout beside another one, an earlier commit
 * as a rule. Both meshes stand at the same time and are measured in turns, so what the machine
 * does in a minute happens to both; the figure is the ratio of two neighbouring turns, and the
 * median of those ratios. Refused: two runs of the whole bench, one after the other, whose
 * figures differ by more than the 3 % that are looked for.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ColdStarts } from './cold-starts.ts';
import { percentile } from './deploys.ts';
import { chooseLoad, type Load } from './load.ts';
import { type BenchMesh, startMesh } from './mesh.ts';
import { pinnedToOneCore, type Target } from './throughput.ts';

const root = join(import.meta.dirname, '..', '..');
const NAMES = ['hello-js', 'hello-rust'] as const;
const WARM_UP_S = 6;
const TURN_S = 2;
export const TURNS = 12;
/** Of these for one round of cold starts, which takes a minute and a half. */
const TURNS_PER_COLD_ROUND = 6;
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

export function compare(
  what: string,
  unit: Comparison['unit'],
  pairs: readonly { readonly ours: number; readonly theirs: number }[],
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

/** Ours and theirs in turns, and who begins changes, so that neither always follows the other. */
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
    const pairs: { ours: number; theirs: number }[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const first = await rps(turn % 2 === 0 ? mine : other, TURN_S);
      const second = await rps(turn % 2 === 0 ? other : mine, TURN_S);
      pairs.push(
        turn % 2 === 0 ? { ours: first, theirs: second } : { ours: second, theirs: first },
      );
    }
    const one = compare(mine.name, 'requests/s', pairs);
    note(`${one.what}: ${one.ours} against ${one.theirs} requests/s`);
    compared.push(one);
  }
  return compared;
}

/** Each checkout measures itself, with its own code, in a process of its own. */
function coldStartsOf(folder: string, scratch: string): Promise<ColdStarts> {
  mkdirSync(scratch, { recursive: true });
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'cold-starts-child.ts'), folder, scratch],
    { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], timeout: COLD_MS_MAX },
  );
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => {
      if (code === 0) done(JSON.parse(text) as ColdStarts);
      else failed(new Error(`cold starts of ${folder} ended with ${code}`));
    });
  });
}

async function coldStartPairs(
  folders: readonly [string, string],
  scratch: string,
  count: number,
  note: (line: string) => void,
): Promise<Comparison[]> {
  const rounds: { ours: ColdStarts; theirs: ColdStarts }[] = [];
  for (let round = 0; round < count; round++) {
    note(`cold starts, round ${round + 1} of ${count}…`);
    const of = (which: 0 | 1): Promise<ColdStarts> =>
      coldStartsOf(folders[which], join(scratch, `cold-${round}-${which}`));
    const first = await of(round % 2 === 0 ? 0 : 1);
    const second = await of(round % 2 === 0 ? 1 : 0);
    rounds.push(
      round % 2 === 0 ? { ours: first, theirs: second } : { ours: second, theirs: first },
    );
  }
  const pairs = (pick: (one: ColdStarts) => readonly number[]) =>
    rounds.flatMap(({ ours, theirs }) =>
      pick(ours).map((value, at) => ({ ours: value, theirs: pick(theirs)[at] ?? Number.NaN })),
    );
  return [
    compare(
      'cold start of an instance',
      'ms',
      pairs((one) => one.coldInstanceMs),
    ),
    compare(
      'preparing a further function',
      'ms',
      pairs((one) => one.prepareMs),
    ),
  ];
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
  const cold = await coldStartPairs(
    [root, other],
    scratch,
    Math.max(1, Math.round(turns / TURNS_PER_COLD_ROUND)),
    note,
  );
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
