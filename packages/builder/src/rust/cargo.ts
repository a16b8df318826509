import { spawn } from 'node:child_process';
import { env, kill } from 'node:process';
import { createInterface } from 'node:readline';
import { PopmeshError } from '@popmesh/contracts';
import type { RustToolchain } from './toolchain.ts';

/** A first build compiles every dependency; on a small machine that takes minutes. */
export const CARGO_DEADLINE_MS = 600_000;
const OUTPUT_SHOWN_MAX = 4000;

/**
 * `cargo build --release`, and the .wasm files it says it wrote. Cargo's own messages are
 * read instead of guessing names: a target directory may be anywhere.
 */
export async function cargoBuild(
  directory: string,
  toolchain: RustToolchain,
  signal: AbortSignal,
  onProgress: (step: string) => void,
): Promise<string[]> {
  signal.throwIfAborted();
  const args = ['build', '--release', '--target', toolchain.target];
  const child = spawn(toolchain.cargo, [...args, '--message-format=json-render-diagnostics'], {
    cwd: directory,
    env: { ...env, ...toolchain.env, CARGO_TERM_COLOR: 'never' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group, so that the compilers end with it.
    detached: true,
  });
  const artifacts: string[] = [];
  let output = '';
  createInterface({ input: child.stdout }).on('line', (line) => artifacts.push(...wasmFiles(line)));
  createInterface({ input: child.stderr }).on('line', (line) => {
    output = `${output}${line}\n`.slice(-OUTPUT_SHOWN_MAX);
    const [, step] = /^\s*(Compiling \S+|Downloading \S+|Finished .*)/.exec(line) ?? [];
    if (step !== undefined) onProgress(step);
  });
  const deadline = AbortSignal.timeout(CARGO_DEADLINE_MS);
  const either = AbortSignal.any([signal, deadline]);
  // Asked for until the output is closed: a compiler may outlive its cargo.
  const stop = (): void => {
    if (child.pid === undefined) return;
    try {
      kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  either.addEventListener('abort', stop, { once: true });
  try {
    const status = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, killedBy) => resolve(code ?? killedBy ?? 'a signal'));
    });
    signal.throwIfAborted();
    if (status === 0) return artifacts;
    throw new PopmeshError(
      'build_failed',
      deadline.aborted
        ? `cargo did not end within ${CARGO_DEADLINE_MS} ms`
        : `cargo build ended with ${status}\n\n${output.trim()}`,
    );
  } finally {
    either.removeEventListener('abort', stop);
  }
}

/** One line of cargo's messages; only the final artifacts of the workspace's own crates. */
function wasmFiles(line: string): string[] {
  if (!line.startsWith('{"reason":"compiler-artifact"')) return [];
  try {
    const message = JSON.parse(line) as {
      target?: { kind?: unknown };
      filenames?: unknown;
    };
    const kinds = Array.isArray(message.target?.kind) ? message.target.kind : [];
    if (!kinds.includes('cdylib') && !kinds.includes('bin')) return [];
    const files = Array.isArray(message.filenames) ? message.filenames : [];
    return files.filter((file): file is string => String(file).endsWith('.wasm'));
  } catch {
    return [];
  }
}
