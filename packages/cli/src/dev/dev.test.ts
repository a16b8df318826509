import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../../scripts/free-port.ts';
import { compileCache } from '../../../../scripts/test-environment.ts';

/** `popmesh dev` as a person runs it: a process, with all of its real children. */

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const COMPONENT = fileURLToPath(
  new URL('../../../../examples/hello-rust/hello-rust.wasm', import.meta.url),
);

interface Ready {
  readonly readyMs: number;
  readonly gateway: string;
  readonly nodes: readonly { readonly id: string; readonly pid: number }[];
  readonly gatewayPid: number;
  readonly functions: readonly { readonly function: string; readonly version: number }[];
}

interface Dev {
  readonly child: ChildProcess;
  readonly ready: Ready;
  readonly ended: Promise<number | null>;
}

function popmesh(cwd: string, ...args: readonly string[]) {
  // Without the last it would download or even compile one of its own, in a home that is new.
  const { PATH = '', NATS_SERVER_BIN = '' } = process.env;
  const env = { PATH, HOME: cwd, NATS_SERVER_BIN, ...compileCache() };
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const ended = once(child, 'close').then(([status]) => status as number | null);
  return { child, output, ended };
}

async function startDev(t: TestContext, cwd: string, port: number): Promise<Dev> {
  const run = popmesh(cwd, 'dev', '--json', '--port', String(port), '--deploy', COMPONENT);
  t.after(async () => {
    run.child.kill('SIGTERM');
    await run.ended;
  });
  const first = once(createInterface({ input: run.child.stdout as NodeJS.ReadableStream }), 'line');
  const line = await Promise.race([first.then(([text]) => String(text)), run.ended]);
  if (typeof line !== 'string') throw new Error(`dev ended with ${line}: ${run.output.stderr}`);
  return { child: run.child, ready: JSON.parse(line) as Ready, ended: run.ended };
}

const pidsOf = ({ nodes, gatewayPid }: Ready): number[] => [
  ...nodes.map(({ pid }) => pid),
  gatewayPid,
];

/** Dev is ready without NATS, which may be on its way still: it says itself when it stands. */
async function natsPidOf(cwd: string): Promise<number> {
  for (;;) {
    const text = await readFile(join(cwd, '.popmesh', 'nats', 'pid'), 'utf8').catch(() => '');
    if (Number(text) > 0) return Number(text);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

test('starts, serves, refuses a second one, ends without a trace, and goes on', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'popmesh-dev-'));
  t.after(() => rm(cwd, { recursive: true, force: true, maxRetries: 5 }));
  const port = await freePort();
  const first = await startDev(t, cwd, port);
  assert.equal(first.ready.gateway, `http://127.0.0.1:${port}`);
  assert.deepEqual(
    first.ready.functions.map(({ function: fn, version }) => [fn, version]),
    [['default/hello-rust', 1]],
  );
  const answer = await fetch(`${first.ready.gateway}/default/hello-rust/`, {
    headers: { 'popmesh-client-location': '35.68,139.69' },
  });
  assert.match(await answer.text(), /Rust in sin/);

  // The context that dev wrote is found from the folder it runs in.
  for (let nodes = 0; nodes !== 3; ) {
    const status = popmesh(cwd, 'status', '--json');
    // 4 while a member is still starting.
    assert.ok([0, 4].includes((await status.ended) ?? -1), status.output.stderr);
    ({ length: nodes } = JSON.parse(status.output.stdout).nodes);
  }

  const second = popmesh(cwd, 'dev', '--port', String(port));
  assert.equal(await second.ended, 1);
  assert.match(second.output.stderr, new RegExp(`already.*process ${first.child.pid}`));
  const elsewhere = popmesh(cwd, 'dev', '--state', 'other', '--port', String(port));
  assert.equal(await elsewhere.ended, 1);
  assert.match(elsewhere.output.stderr, new RegExp(`port ${port}.*[\\s\\S]*--port`));

  const pids = [...pidsOf(first.ready), await natsPidOf(cwd)];
  assert.deepEqual(pids.filter(isAlive), pids);
  first.child.kill('SIGINT');
  assert.equal(await first.ended, 0);
  assert.deepEqual(pids.filter(isAlive), []);

  const again = await startDev(t, cwd, port);
  assert.deepEqual(
    again.ready.functions.map(({ version }) => version),
    [1],
    'nothing is deployed anew',
  );
  const forced = [...pidsOf(again.ready), await natsPidOf(cwd)];
  // Copies of one Ctrl-C count once; a later one forces, unless all has ended in order by then.
  const impatient = setInterval(() => again.child.kill('SIGINT'), 50);
  await again.ended;
  clearInterval(impatient);
  for (const pid of forced) {
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
