/** The mesh that is measured: the same `popmesh dev` that `npm start` runs, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../free-port.ts';

const root = join(import.meta.dirname, '..', '..');
const READY_MS_MAX = 180_000;
const STOP_MS_MAX = 30_000;

interface ReadyLine {
  readonly gateway: string;
  readonly apis: readonly string[];
  readonly context: string;
  readonly nodes: readonly { id: string; pop: string; pid: number; api: string }[];
}

export interface BenchMesh {
  readonly gateway: string;
  readonly api: string;
  readonly token: string;
  /** The data plane of namespace `default` on the node that is measured. */
  readonly dataPlane: string;
  readonly pop: string;
  /** The daemon of the node that is measured. */
  readonly pid: number;
  readonly gatewayPid: number;
  /** One call of the control API; throws on any status but 2xx. */
  control(path: string, init?: RequestInit): Promise<unknown>;
  stop(): Promise<void>;
}

async function readyLine(child: ChildProcess): Promise<ReadyLine> {
  const stdout = child.stdout;
  if (stdout === null) throw new Error('popmesh dev was started without a pipe');
  const timer = setTimeout(() => child.kill('SIGTERM'), READY_MS_MAX);
  try {
    for await (const line of createInterface({ input: stdout })) {
      if (line.startsWith('{')) return JSON.parse(line) as ReadyLine;
    }
    throw new Error('popmesh dev ended before it was ready; its output is above');
  } finally {
    clearTimeout(timer);
  }
}

/** `checkout` is whose mesh it is, with its own sources and its own Node. */
export async function startMesh(scratch: string, checkout: string = root): Promise<BenchMesh> {
  const child = spawn(
    join(checkout, 'node_modules/.bin/node'),
    [
      join(checkout, 'packages/cli/src/main.ts'),
      'dev',
      '--json',
      '--state',
      join(scratch, 'state'),
      '--port',
      String(await freePort()),
    ],
    { cwd: checkout, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGTERM'), STOP_MS_MAX);
    await exited;
    clearTimeout(force);
  };
  try {
    const ready = await readyLine(child);
    child.stdout?.resume();
    const { token } = JSON.parse(await readFile(ready.context, 'utf8')) as { token: string };
    const api = ready.apis[0] ?? '';
    const control = async (path: string, init: RequestInit = {}): Promise<unknown> => {
      const response = await fetch(`${api}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(60_000),
      });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.json();
    };
    const { nodes, gateways } = (await control('/v1/status')) as {
      nodes: { id: string; pop: string; dataPlanes: { namespace: string; address: string }[] }[];
      gateways: { pid: number }[];
    };
    const measured = nodes.find(({ id }) => id === ready.nodes[0]?.id);
    const plane = measured?.dataPlanes.find(({ namespace }) => namespace === 'default');
    if (measured === undefined || plane === undefined)
      throw new Error('the node announces no data plane');
    return {
      gateway: ready.gateway,
      api,
      token,
      dataPlane: `http://${plane.address}`,
      pop: measured.pop,
      pid: ready.nodes[0]?.pid ?? 0,
      gatewayPid: gateways[0]?.pid ?? 0,
      control,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
