/**
 * The commands of deploy/README.md, as they stand there: a mesh of two nodes, a gateway and NATS on
 * addresses of their own, with TLS between all. Changed are only addresses, ports and folders,
 * which are the reader's to change.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findNatsServer } from '../packages/cli/src/index.ts';
import { freePort } from '../scripts/free-port.ts';
import { compileCache } from '../scripts/test-environment.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'deploy/README.md'), 'utf8');
const BLOCKS = [...readme.matchAll(/^```sh ?(.*)\n([\s\S]*?)^```/gm)].map(
  ([, machine = '', commands = '']) => ({ machine, commands }),
);
const ADDRESSES = { '10.0.0.1': '127.0.0.2', '10.0.0.2': '127.0.0.3', '10.0.0.3': '127.0.0.4' };
const PORTS = [7400, 7401, 7420, 7421, 8080, 4222];
/** A guard against hanging, for machines of any speed. */
const HANGS_MS = 300_000;

test('the commands of deploy/README.md make a mesh across machines, with TLS', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'popmesh-deploy-'));
  // Executors have users of their own where this runs as root.
  chmodSync(folder, 0o711);
  const daemons: ChildProcess[] = [];
  t.after(async () => {
    for (const daemon of daemons) {
      if (daemon.exitCode === null && daemon.kill('SIGKILL')) await once(daemon, 'exit');
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const ports = new Map<string, string>();
  for (const port of PORTS) ports.set(String(port), String(await freePort('127.0.0.2')));
  const here = (text: string, machine = ''): string => {
    let out = text;
    for (const [theirs, ours] of Object.entries(ADDRESSES)) out = out.replaceAll(theirs, ours);
    for (const [theirs, ours] of ports)
      out = out.replaceAll(new RegExp(`\\b${theirs}\\b`, 'g'), ours);
    return out
      .replaceAll('/var/lib/', `${folder}/var/`)
      .replaceAll('/etc/popmesh/', `${folder}/machines/${machine}/`);
  };
  mkdirSync(join(folder, 'deploy'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'var'), { mode: 0o711 });
  for (const file of ['node.toml', 'gateway.toml', 'nats-server.conf']) {
    const text = readFileSync(join(root, 'deploy', file), 'utf8');
    writeFileSync(join(folder, 'deploy', file), here(text, 'fra-1'));
  }
  symlinkSync(join(root, 'examples'), join(folder, 'examples'));
  const { path: natsServer } = findNatsServer();
  symlinkSync(natsServer, join(folder, 'bin', 'nats-server'));
  const main = join(root, 'packages/cli/src/main.ts');
  const popmesh = join(folder, 'bin', 'popmesh');
  writeFileSync(popmesh, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 });

  const start = (commands: string): ChildProcess =>
    spawn('bash', ['-euo', 'pipefail', '-c', commands], {
      cwd: folder,
      env: { PATH: `${folder}/bin:${process.env.PATH}`, HOME: folder, ...compileCache() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const logOf = (child: ChildProcess): (() => string) => {
    let log = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-100_000);
      });
    }
    return () => log;
  };
  const logs: (() => string)[] = [];
  const run = async (commands: string): Promise<string> => {
    const child = start(commands);
    const log = logOf(child);
    const late = setTimeout(() => child.kill('SIGKILL'), HANGS_MS);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(late);
    assert.equal(code, 0, [log(), ...logs.map((of) => of().slice(-3000))].join('\n---\n'));
    return log();
  };

  const firstDaemon = BLOCKS.findIndex(({ machine }) => machine !== '');
  const [before, after] = [BLOCKS.slice(0, firstDaemon), BLOCKS.slice(firstDaemon)];
  await run(before.map(({ commands }) => here(commands)).join('\n'));
  for (const id of ['fra-1', 'iad-1', 'gw-1']) {
    const files = readdirSync(join(folder, 'machines', id));
    for (const file of ['identity.json', 'key.pem', 'cert.pem', 'ca.pem']) {
      assert.ok(files.includes(file), `${id}: ${file}`);
    }
    const { mode } = statSync(join(folder, 'machines', id, 'identity.json'));
    assert.equal(mode & 0o777, 0o600);
  }

  for (const { machine, commands } of after) {
    if (machine === '') continue;
    const daemon = start(`exec ${here(commands, machine).trim()}`);
    logs.push(logOf(daemon));
    daemons.push(daemon);
  }
  assert.equal(daemons.length, 4);
  const output = await run(
    after
      .filter(({ machine }) => machine === '')
      .map(({ commands }) => here(commands))
      .join('\n'),
  );
  assert.match(output, /fra-1 +fra +eu .*ready[\s\S]*iad-1 +iad +us .*ready[\s\S]*NATS connected/);
  assert.match(output, /Hello/, 'the answer of the gateway');
  const gateway = `127.0.0.4:${ports.get('8080')}`;
  assert.match(
    output,
    new RegExp(`http://hello-rust\\.functions\\.example\\.com:${ports.get('8080')}/`),
  );
  assert.match(output, new RegExp(`http://${gateway.replaceAll('.', '\\.')}/default/hello-rust/`));

  // Plain text is not spoken where the files say TLS.
  for (const host of ['127.0.0.2', '127.0.0.3']) {
    await assert.rejects(fetch(`http://${host}:${ports.get('7400')}/healthz`));
  }
  const [nats, ...members] = daemons;
  for (const member of members) member.kill('SIGTERM');
  for (const [index, member] of members.entries()) {
    const code = member.exitCode ?? (await once(member, 'exit'))[0];
    assert.equal(code, 0, (logs[index + 1]?.() ?? '').slice(-3000));
  }
  nats?.kill('SIGTERM');
});
