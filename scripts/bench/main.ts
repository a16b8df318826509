/**
 * `npm run bench`: popmesh on a node and through the gateway, beside workerd with
 * the same JavaScript and a bare node:http server, all in one run on one machine.
 * Machines differ and are noisy: read the ratios, not the numbers. `--against <folder>`
 * compares this checkout with another one instead, in `--turns` turns; `--json` prints JSON.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TURNS as AGAINST_TURNS, runAgainst, showComparison } from './against.ts';
import { measureDeploys, percentile } from './deploys.ts';
import { type ExecutorFigures, measureExecutor } from './executor.ts';
import { chooseLoad, type Load, type LoadFigures } from './load.ts';
import { type BenchMesh, startMesh } from './mesh.ts';
import { type Peer, startNodeHttp, startWorkerd } from './peers.ts';
import { inTurns, onOneCore, type Target } from './throughput.ts';

const root = join(import.meta.dirname, '..', '..');
const FUNCTIONS = ['hello-js', 'hono-app', 'hello-rust'] as const;
const PEER_FUNCTIONS = ['hello-js', 'hono-app'] as const;
const TURNS = { warmUpS: 6, count: 3, seconds: 3 };
/** The gateway's own cost is not what these turns are for. */
const GATEWAY_TURNS = { warmUpS: 3, count: 1, seconds: 4 };
const ONE_CORE_TURNS = { warmUpS: 2, count: 3, seconds: 2 };

type Figures = Record<string, LoadFigures>;

export interface Report {
  readonly node: Figures;
  readonly gateway: Figures;
  readonly workerd: Figures;
  readonly nodeHttp: LoadFigures;
  readonly coldStartMs: { readonly p50: number; readonly p99: number };
  readonly deployMs: { readonly p50: number; readonly p95: number };
  /** One runtime with nothing around it. */
  readonly executor: {
    readonly coldEngineMs: number;
    readonly coldInstanceMs: { readonly p50: number; readonly p99: number };
    /** Once more, after the instance has gone. */
    readonly coldAgainMs: { readonly p50: number; readonly p99: number };
    readonly coldProcessMs: { readonly p50: number; readonly max: number };
    readonly prepareMs: { readonly first: number; readonly p50: number; readonly p99: number };
  };
  readonly memory: ExecutorFigures['memory'];
  /** Each server pinned to one core, the load to the other; absent where that cannot be. */
  readonly oneCore?: { readonly node: Figures; readonly workerd: Figures };
}

const { json, against, turns } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    against: { type: 'string' },
    turns: { type: 'string', default: String(AGAINST_TURNS) },
  },
}).values;
const note = (line: string): void => console.error(`bench: ${line}`);

interface Served {
  readonly bare: Peer;
  readonly workerd: Readonly<Record<(typeof PEER_FUNCTIONS)[number], Peer>>;
  readonly mesh: BenchMesh;
}

/** Figures of the targets whose names begin with `prefix`, by the rest of the name. */
const under = (figures: ReadonlyMap<string, LoadFigures>, prefix: string): Figures =>
  Object.fromEntries(
    [...figures].flatMap(([name, value]) =>
      name.startsWith(`${prefix} `) ? [[name.slice(prefix.length + 1), value]] : [],
    ),
  );

async function throughput(load: Load, { bare, workerd, mesh }: Served) {
  const ours: Target[] = FUNCTIONS.map((name) => ({
    name: `node ${name}`,
    url: `${mesh.dataPlane}/default/${name}/`,
    pid: mesh.pid,
  }));
  const peers: Target[] = PEER_FUNCTIONS.map((name) => ({
    name: `workerd ${name}`,
    url: workerd[name].url,
    pid: workerd[name].pid,
  }));
  const direct = await inTurns(
    load,
    [{ name: 'node:http', url: bare.url }, ...peers, ...ours],
    TURNS,
    note,
  );
  const near = { 'popmesh-client-location': '50.11,8.68' };
  const through = await inTurns(
    load,
    FUNCTIONS.map((name) => ({
      name: `gateway ${name}`,
      url: `${mesh.gateway}/default/${name}/`,
      headers: near,
    })),
    GATEWAY_TURNS,
    note,
  );
  const pinned = await onOneCore(load, [...peers, ...ours], ONE_CORE_TURNS, note);
  return {
    node: under(direct, 'node'),
    workerd: under(direct, 'workerd'),
    nodeHttp: direct.get('node:http') as LoadFigures,
    gateway: under(through, 'gateway'),
    ...(pinned === undefined
      ? {}
      : { oneCore: { node: under(pinned, 'node'), workerd: under(pinned, 'workerd') } }),
  };
}

function summary({
  coldStarts,
  coldProcessMs,
}: Omit<ExecutorFigures, 'memory'>): Report['executor'] {
  const spread = (values: readonly number[]) => ({
    p50: percentile(values, 50),
    p99: percentile(values, 99),
  });
  return {
    coldEngineMs: Math.round(coldStarts.coldEngineMs),
    coldInstanceMs: spread(coldStarts.coldInstanceMs),
    coldAgainMs: spread(coldStarts.coldAgainMs),
    coldProcessMs: { p50: percentile(coldProcessMs, 50), max: Math.max(...coldProcessMs) },
    prepareMs: { first: Math.round(coldStarts.firstPrepareMs), ...spread(coldStarts.prepareMs) },
  };
}

async function run(scratch: string): Promise<Report> {
  const load = chooseLoad(note);
  note('one executor: cold starts and memory…');
  const { memory, ...executor } = await measureExecutor(scratch);

  note('starting the mesh and its peers…');
  const stops: (() => Promise<void>)[] = [];
  const kept = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const started = await starting;
    stops.push(() => started.stop());
    return started;
  };
  try {
    const mesh = await kept(startMesh(scratch));
    const bare = await kept(startNodeHttp());
    const workerd = {
      'hello-js': await kept(startWorkerd(join(root, 'examples/hello-js/index.ts'), scratch)),
      'hono-app': await kept(startWorkerd(join(root, 'examples/hono-app/index.ts'), scratch)),
    };
    note(`load: ${load.name}, 32 connections; ${TURNS.count} turns of ${TURNS.seconds} s each`);
    const figures = await throughput(load, { bare, workerd, mesh });
    note('deploys and cold starts…');
    const samples = await measureDeploys(mesh, scratch);
    const cold = samples.map(({ coldStartMs }) => coldStartMs);
    const deploys = samples.map(({ deployMs }) => deployMs);
    return {
      ...figures,
      coldStartMs: { p50: percentile(cold, 50), p99: percentile(cold, 99) },
      deployMs: { p50: percentile(deploys, 50), p95: percentile(deploys, 95) },
      executor: summary(executor),
      memory,
    };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

function show(report: Report): void {
  const base = report.workerd['hello-js']?.rps ?? Number.NaN;
  const oneCoreBase = report.oneCore?.workerd['hello-js']?.rps ?? Number.NaN;
  const rows = (
    name: string,
    figures: Figures = {},
    unit: number = base,
  ): (readonly [string, LoadFigures, number])[] =>
    Object.entries(figures).map(([what, value]) => [`${name} ${what}`, value, unit]);
  console.log('what                         req/s    p50 ms    p99 ms   × workerd hello-js');
  for (const [name, { rps, p50Ms, p99Ms }, unit] of [
    ['node:http, bare', report.nodeHttp, base] as const,
    ...rows('workerd', report.workerd),
    ...rows('node', report.node),
    ...rows('gateway', report.gateway),
    ...rows('one core, workerd', report.oneCore?.workerd, oneCoreBase),
    ...rows('one core, node', report.oneCore?.node, oneCoreBase),
  ]) {
    console.log(
      `${name.padEnd(27)} ${String(rps).padStart(6)} ${p50Ms.toFixed(2).padStart(9)} ${p99Ms.toFixed(2).padStart(9)} ${(rps / unit).toFixed(2).padStart(8)}`,
    );
  }
  const { coldStartMs, deployMs } = report;
  console.log(
    `\ncold start, deployed but never run, to first byte: p50 ${coldStartMs.p50} ms, p99 ${coldStartMs.p99} ms`,
  );
  console.log(
    `deploy, from upload to ready in all three places: p50 ${deployMs.p50} ms, p95 ${deployMs.p95} ms`,
  );
  showExecutor(report.executor, report.memory);
}

function showExecutor(executor: Report['executor'], memory: Report['memory']): void {
  const { coldEngineMs, coldInstanceMs, coldAgainMs, coldProcessMs, prepareMs } = executor;
  console.log(
    `one executor: first instance p50 ${coldInstanceMs.p50} ms, p99 ${coldInstanceMs.p99} ms (${coldEngineMs} ms where no engine was compiled yet); after it has gone p50 ${coldAgainMs.p50} ms, p99 ${coldAgainMs.p99} ms; a namespace without a process p50 ${coldProcessMs.p50} ms, most ${coldProcessMs.max} ms`,
  );
  console.log(
    `checking and preparing: the first JavaScript function ${prepareMs.first} ms, each further one p50 ${prepareMs.p50} ms, p99 ${prepareMs.p99} ms`,
  );
  console.log(
    `memory: ${memory.instanceMb} MB per further instance, ${memory.idle500Mb} MB for 500 idle functions, ${memory.after1000CallsMb} MB after 1,000 calls, ${memory.after100000CallsMb} MB after 100,000`,
  );
}

const scratch = mkdtempSync(join(tmpdir(), 'popmesh-bench-'));
try {
  if (against === undefined) {
    const report = await run(scratch);
    if (json) console.log(JSON.stringify(report));
    else show(report);
  } else {
    const compared = await runAgainst(against, scratch, Math.max(1, Number(turns) || 1), note);
    if (json) console.log(JSON.stringify(compared));
    else showComparison(compared);
  }
} catch (error) {
  note(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
