/**
 * Requests per second, ours beside the peers'. Everything that is compared stands at the same
 * time and is measured in turns: these machines change their speed within a minute, so one
 * after the other compares minutes, not servers. A figure is the median of its turns.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Load, LoadFigures } from './load.ts';

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The process that serves it, its children included; what is pinned where one core is asked for. */
  readonly pid?: number;
}

export interface Turns {
  /** Of each target, before the first turn: engines compile what is hot. */
  readonly warmUpS: number;
  readonly count: number;
  readonly seconds: number;
}

const SERVER_CORE = 0;
const LOAD_CORE = 1;
const SETTLE_S = 1;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

export async function inTurns(
  load: Load,
  targets: readonly Target[],
  turns: Turns,
  note: (line: string) => void,
): Promise<ReadonlyMap<string, LoadFigures>> {
  const all = new Map<string, LoadFigures[]>(targets.map(({ name }) => [name, []]));
  for (const { url, headers = {} } of targets) await load.run(url, headers, turns.warmUpS);
  for (let turn = 0; turn < turns.count; turn++) {
    for (const { name, url, headers = {} } of targets) {
      // What the target before left to do, and this one's first requests, count for neither.
      await load.run(url, headers, SETTLE_S);
      all.get(name)?.push(await load.run(url, headers, turns.seconds));
    }
  }
  return new Map(
    [...all].map(([name, figures]) => {
      const middle: LoadFigures = {
        rps: median(figures.map(({ rps }) => rps)),
        p50Ms: median(figures.map(({ p50Ms }) => p50Ms)),
        p99Ms: median(figures.map(({ p99Ms }) => p99Ms)),
      };
      const each = figures.map(({ rps }) => rps).join(', ');
      note(`${name}: ${middle.rps} requests/s (${each}), p99 ${middle.p99Ms} ms`);
      return [name, middle];
    }),
  );
}

/** The process and everything below it. */
function family(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .map(Number)
      .filter((child) => child > 0);
    return [pid, ...children.flatMap(family)];
  } catch {
    return [];
  }
}

function pin(pid: number, cores: string): boolean {
  const [done, total] = family(pid).reduce(
    ([good, count], member) => {
      const { status } = spawnSync('taskset', ['-a', '-p', '-c', cores, String(member)]);
      return [good + (status === 0 ? 1 : 0), count + 1];
    },
    [0, 0],
  );
  return total > 0 && done === total;
}

/**
 * Each server on one core, the load on another. Undefined where the machine cannot pin, or
 * has no second core.
 */
export function onOneCore(
  load: Load,
  targets: readonly Target[],
  turns: Turns,
  note: (line: string) => void,
): Promise<ReadonlyMap<string, LoadFigures> | undefined> {
  const pids = targets.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  return pinnedToOneCore(load, pids, async (pinned) =>
    pinned === load
      ? undefined
      : inTurns(pinned, targets, turns, (line) => note(`one core, ${line}`)),
  );
}

/** The work with the load as it is where nothing can be pinned. */
export async function pinnedToOneCore<T>(
  load: Load,
  members: readonly number[],
  work: (load: Load) => Promise<T>,
): Promise<T> {
  const pids = new Set(members);
  const pinnedLoad = load.onCore?.(LOAD_CORE);
  if (pinnedLoad === undefined || spawnSync('nproc').stdout?.toString().trim() === '1') {
    return work(load);
  }
  try {
    for (const pid of pids) if (!pin(pid, String(SERVER_CORE))) return await work(load);
    return await work(pinnedLoad);
  } finally {
    for (const pid of pids) pin(pid, `0-${LOAD_CORE}`);
  }
}
