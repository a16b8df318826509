/** Waiting for what is observed instead of sleeping, and running a command to its end. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { bareEnvironment } from '../../scripts/test-environment.ts';

const POLL_MS = 25;
/** Guards against hanging, for machines of any speed. */
const COMMAND_MS_MAX = 400_000;
const WAIT_MS_MAX = 300_000;

/** Polls until `probe` holds; a wait that ends in vain says what it waited for. */
export async function until(probe: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    if (await probe()) return;
    if (performance.now() > deadline)
      throw new Error(`waited ${WAIT_MS_MAX} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...bareEnvironment(),
        ...env,
      },
      timeout: COMMAND_MS_MAX,
      ...(cwd === undefined ? {} : { cwd }),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}
