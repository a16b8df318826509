/** What popmesh is measured beside, in the same run: workerd with the same JavaScript, and node:http. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { freePort } from '../free-port.ts';

const root = join(import.meta.dirname, '..', '..');
const START_MS_MAX = 15_000;

export interface Peer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

async function startPeer(command: string, args: readonly string[], port: number): Promise<Peer> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint = `${complaint}${chunk}`.slice(-2000);
  });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const url = `http://127.0.0.1:${port}/`;
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline && child.exitCode === null) {
    const answered = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return { url, pid: child.pid ?? 0, stop };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error(`${command} did not start: ${complaint}`);
}

/** The same source that popmesh builds, bundled for workerd. */
export async function startWorkerd(main: string, scratch: string): Promise<Peer> {
  const port = await freePort();
  const name = `workerd-${port}`;
  await build({
    entryPoints: [main],
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    outfile: join(scratch, `${name}.js`),
    logLevel: 'error',
  });
  writeFileSync(
    join(scratch, `${name}.capnp`),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "main", esModule = embed "${name}.js")],
  compatibilityDate = "2026-01-01",
);
`,
  );
  return startPeer(
    join(root, 'node_modules/.bin/workerd'),
    ['serve', join(scratch, `${name}.capnp`)],
    port,
  );
}

const NODE_HTTP = `require('node:http').createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.end('Hello!\\n');
}).listen(Number(process.argv[1]), '127.0.0.1');`;

export async function startNodeHttp(): Promise<Peer> {
  const port = await freePort();
  return startPeer(process.execPath, ['-e', NODE_HTTP, String(port)], port);
}
