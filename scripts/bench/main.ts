/**
 * `npm run bench`: popmesh on a node and through the gateway, beside workerd with
 * the same JavaScript and a bare node:http server, all in one run on one machine.
 * Machines differ and are noisy: read the ratios, not the numbers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureDeploys, percentile } from './deploys.ts';
import { type ExecutorFigures, measureExecutor } from './executor.ts';
import { chooseLoad, type Load, type LoadFigures } from './load.ts';
import { startMesh } from './mesh.ts';
import { startNodeHttp, startWorkerd } from './peers.ts';

const root = join(import.meta.dirname, '..', '..');
const FUNCTIONS = ['hello-js', 'hono-app', 'hello-rust'] as const;
const WARM_UP_S = 4;
const MEASURED_S = 6;

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
    readonly coldInstanceMs: { readonly p50: number; readonly p99: number };
    readonly coldProcessMs: number;
  };
  readonly memory: ExecutorFigures['memory'];
  readonly oneCore?: LoadFigures;
}

const json = process.argv.includes('--json');
const note = (line: string): void => console.error(`bench: ${line}`);

async function measure(load: Load, name: string, url: string, headers = {}): Promise<LoadFigures> {
  await load.run(url, headers, WARM_UP_S);
  const figures = await load.run(url, headers, MEASURED_S);
  note(`${name}: ${figures.rps} requests/s, p50 ${figures.p50Ms} ms, p99 ${figures.p99Ms} ms`);
  return figures;
}

async function run(scratch: string): Promise<Report> {
  const load = chooseLoad(note);
  note(`load: ${load.name}, 32 connections, ${MEASURED_S} s after ${WARM_UP_S} s of warm-up`);

  const bare = await startNodeHttp();
  const nodeHttp = await measure(load, 'node:http', bare.url).finally(bare.stop);

  const workerd: Figures = {};
  for (const [name, main] of [
    ['hello-js', 'examples/hello-js/index.ts'],
    ['hono-app', 'examples/hono-app/index.ts'],
  ] as const) {
    const peer = await startWorkerd(join(root, main), scratch);
    workerd[name] = await measure(load, `workerd ${name}`, peer.url).finally(peer.stop);
  }

  note('one executor: cold starts, memory, one core…');
  const { coldInstanceMs, coldProcessMs, memory, oneCore } = await measureExecutor(scratch, load);

  note('starting the mesh…');
  const mesh = await startMesh(scratch);
  try {
    const [node, gateway]: [Figures, Figures] = [{}, {}];
    for (const name of FUNCTIONS) {
      node[name] = await measure(load, `node ${name}`, `${mesh.dataPlane}/default/${name}/`);
    }
    const near = { 'popmesh-client-location': '50.11,8.68' };
    for (const name of FUNCTIONS) {
      gateway[name] = await measure(
        load,
        `gateway ${name}`,
        `${mesh.gateway}/default/${name}/`,
        near,
      );
    }
    note('deploys and cold starts…');
    const samples = await measureDeploys(mesh, scratch);
    const cold = samples.map(({ coldStartMs }) => coldStartMs);
    const deploys = samples.map(({ deployMs }) => deployMs);
    return {
      node,
      gateway,
      workerd,
      nodeHttp,
      coldStartMs: { p50: percentile(cold, 50), p99: percentile(cold, 99) },
      deployMs: { p50: percentile(deploys, 50), p95: percentile(deploys, 95) },
      executor: {
        coldInstanceMs: {
          p50: percentile(coldInstanceMs, 50),
          p99: percentile(coldInstanceMs, 99),
        },
        coldProcessMs,
      },
      memory,
      ...(oneCore === undefined ? {} : { oneCore }),
    };
  } finally {
    await mesh.stop();
  }
}

function show(report: Report): void {
  const base = report.workerd['hello-js']?.rps ?? Number.NaN;
  const rows: (readonly [string, LoadFigures | undefined])[] = [
    ['node:http, bare', report.nodeHttp],
    ...Object.entries(report.workerd).map(
      ([name, figures]) => [`workerd ${name}`, figures] as const,
    ),
    ...Object.entries(report.node).map(([name, figures]) => [`node ${name}`, figures] as const),
    ['one core hello-js', report.oneCore],
    ...Object.entries(report.gateway).map(
      ([name, figures]) => [`gateway ${name}`, figures] as const,
    ),
  ];
  console.log('what                    req/s    p50 ms    p99 ms   × workerd hello-js');
  for (const [name, figures] of rows) {
    if (figures === undefined) continue;
    const { rps, p50Ms, p99Ms } = figures;
    console.log(
      `${name.padEnd(20)} ${String(rps).padStart(8)} ${p50Ms.toFixed(2).padStart(9)} ${p99Ms.toFixed(2).padStart(9)} ${(rps / base).toFixed(2).padStart(8)}`,
    );
  }
  const { coldStartMs, deployMs } = report;
  console.log(
    `\ncold start, deployed but never run, to first byte: p50 ${coldStartMs.p50} ms, p99 ${coldStartMs.p99} ms`,
  );
  console.log(
    `deploy, from upload to ready in all three places: p50 ${deployMs.p50} ms, p95 ${deployMs.p95} ms`,
  );
  const { executor, memory } = report;
  console.log(
    `one executor: first instance p50 ${executor.coldInstanceMs.p50} ms, p99 ${executor.coldInstanceMs.p99} ms; process and first instance ${executor.coldProcessMs} ms`,
  );
  console.log(
    `memory: ${memory.instanceMb} MB per further instance, ${memory.idle500Mb} MB for 500 idle functions, ${memory.after1000CallsMb} MB after 1,000 calls, ${memory.after100000CallsMb} MB after 100,000`,
  );
}

const scratch = mkdtempSync(join(tmpdir(), 'popmesh-bench-'));
try {
  const report = await run(scratch);
  if (json) console.log(JSON.stringify(report));
  else show(report);
} catch (error) {
  note(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
