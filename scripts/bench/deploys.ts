/** How long a deploy takes to reach every place, and how long the first request of a function takes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, loadProject } from '../../packages/builder/src/index.ts';
import type { BenchMesh } from './mesh.ts';

const DEPLOYS = 12;
const ROLLOUT_POLL_MS = 5;
/** A deploy starts an instance to see that it can; the first request is cold once that one has gone. */
const IDLE_TIMEOUT_MS = 1000;
const GONE_MS = 3500;

export const percentile = (values: readonly number[], percent: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.ceil((percent / 100) * sorted.length) - 1);
  return Math.round((sorted[Math.max(0, index)] ?? Number.NaN) * 100) / 100;
};

interface Sample {
  readonly deployMs: number;
  readonly coldStartMs: number;
}

/** A function of its own for each sample: other source, so nothing is shared but the engine's chunks. */
async function buildSample(scratch: string, index: number): Promise<Uint8Array<ArrayBuffer>> {
  const folder = join(scratch, `cold-${index}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'popmesh.toml'), `name = "cold-${index}"\n`);
  writeFileSync(
    join(folder, 'index.js'),
    `export default { async fetch() { return new Response('cold ${index}'); } };\n`,
  );
  const { component } = await build(await loadProject(folder), {
    signal: AbortSignal.timeout(60_000),
    onProgress: () => {},
  });
  return new Uint8Array(component);
}

async function sample(
  mesh: BenchMesh,
  component: Uint8Array<ArrayBuffer>,
  index: number,
): Promise<Sample> {
  const form = new FormData();
  form.set(
    'manifest',
    JSON.stringify({
      label: '1',
      engine: 'quickjs',
      config: { scaling: { idleTimeoutMs: IDLE_TIMEOUT_MS } },
    }),
  );
  form.set('component', new Blob([component], { type: 'application/wasm' }), 'component.wasm');
  const path = `/v1/functions/default/cold-${index}`;
  const startedAt = performance.now();
  const { revision } = (await mesh.control(`${path}/versions`, { method: 'POST', body: form })) as {
    revision: string;
  };
  for (;;) {
    const rollout = (await mesh.control(`${path}/rollout?revision=${revision}`)) as {
      total: number;
      ready: number;
    };
    if (rollout.total >= 3 && rollout.ready === rollout.total) break;
    await new Promise((resolve) => setTimeout(resolve, ROLLOUT_POLL_MS));
  }
  const deployMs = performance.now() - startedAt;
  await new Promise((resolve) => setTimeout(resolve, GONE_MS));
  const askedAt = performance.now();
  const response = await fetch(`${mesh.dataPlane}/default/cold-${index}/`);
  await response.body?.getReader().read();
  const coldStartMs = performance.now() - askedAt;
  if (response.headers.get('popmesh-start') !== 'cold')
    throw new Error('the first request was not cold');
  return { deployMs, coldStartMs };
}

export async function measureDeploys(mesh: BenchMesh, scratch: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let index = 0; index < DEPLOYS; index++) {
    const component = await buildSample(scratch, index);
    samples.push(await sample(mesh, component, index));
    await mesh.control(`/v1/functions/default/cold-${index}`, { method: 'DELETE' });
  }
  return samples;
}
