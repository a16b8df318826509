import { execFile } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { env } from 'node:process';
import { promisify } from 'node:util';

/**
 * Finds a Rust that can build for WASI on this machine. Asked for in this order: what `cargo`
 * means here (rustup's or anybody's), then the system's own, since Debian's packages and a
 * rustup may stand side by side and only one has the target. wasip2 is preferred because its
 * linker writes the component itself.
 */

export type RustTarget = 'wasm32-wasip2' | 'wasm32-wasip1';

export interface RustToolchain {
  readonly cargo: string;
  readonly target: RustTarget;
  /** On top of the surroundings. */
  readonly env: Readonly<Record<string, string>>;
}

const TARGETS: readonly RustTarget[] = ['wasm32-wasip2', 'wasm32-wasip1'];
/** A probe that is given up counts as no toolchain, so this is for one that hangs only. */
const PROBE_DEADLINE_MS = 60_000;
const run = promisify(execFile);

/** What was looked at, so that the error can say what is missing. */
export interface ToolchainSearch {
  readonly toolchain: RustToolchain | undefined;
  readonly cargoFound: boolean;
  /** A target was there, but no linker for it. */
  readonly linkerMissing: boolean;
  readonly rustup: boolean;
}

interface Candidate {
  readonly cargo: string;
  readonly rustc: string;
  readonly env: Readonly<Record<string, string>>;
}

const CANDIDATES: readonly Candidate[] = [
  { cargo: 'cargo', rustc: 'rustc', env: {} },
  { cargo: '/usr/bin/cargo', rustc: '/usr/bin/rustc', env: { RUSTC: '/usr/bin/rustc' } },
];

/** `directory` matters: rustup chooses by the rust-toolchain.toml in it. */
export async function findRust(
  directory: string,
  signal: AbortSignal,
  candidates: readonly Candidate[] = CANDIDATES,
): Promise<ToolchainSearch> {
  let cargoFound = false;
  let linkerMissing = false;
  for (const { cargo, rustc, env: extra } of candidates) {
    const ask = async (...args: string[]): Promise<string | undefined> => {
      const options = { cwd: directory, signal, timeout: PROBE_DEADLINE_MS };
      const answer = await run(rustc, args, options).catch(() => undefined);
      signal.throwIfAborted();
      return answer?.stdout.trim();
    };
    const sysroot = await ask('--print', 'sysroot');
    if (sysroot === undefined || !(await answers(cargo, directory, signal))) continue;
    cargoFound = true;
    for (const target of TARGETS) {
      const library = await ask('--print', 'target-libdir', '--target', target);
      if (library === undefined || !(await hasStandardLibrary(library))) continue;
      const linker = await findLinker(sysroot, target);
      if (linker === undefined) linkerMissing = true;
      else {
        const toolchain = { cargo, target, env: { ...extra, ...linker } };
        return { toolchain, cargoFound, linkerMissing: false, rustup: true };
      }
    }
  }
  const rustup = await answers('rustup', directory, signal);
  return { toolchain: undefined, cargoFound, linkerMissing, rustup };
}

async function answers(command: string, cwd: string, signal: AbortSignal): Promise<boolean> {
  const options = { cwd, signal, timeout: PROBE_DEADLINE_MS };
  return await run(command, ['--version'], options).then(
    () => true,
    () => false,
  );
}

async function hasStandardLibrary(library: string): Promise<boolean> {
  const files = await readdir(library).catch(() => []);
  return files.some((file) => file.startsWith('libstd-') && file.endsWith('.rlib'));
}

/** The variables that give cargo its linker; empty when the toolchain brings its own. */
async function findLinker(
  sysroot: string,
  target: RustTarget,
): Promise<Record<string, string> | undefined> {
  const variable = `CARGO_TARGET_${target.toUpperCase().replaceAll('-', '_')}_LINKER`;
  if (env[variable] !== undefined) return {};
  const own = target === 'wasm32-wasip2' ? 'wasm-component-ld' : 'rust-lld';
  for (const host of await readdir(join(sysroot, 'lib/rustlib')).catch(() => [])) {
    if (await exists(join(sysroot, 'lib/rustlib', host, 'bin', own))) return {};
  }
  const pattern =
    target === 'wasm32-wasip2' ? /^wasm-component-ld$/ : /^(?:rust-lld|wasm-ld(?:-\d+)?)$/;
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const found = (await readdir(folder).catch(() => [])).filter((file) => pattern.test(file));
    // The newest: wasm-ld-22 before wasm-ld-19.
    const [newest] = found.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
    if (newest !== undefined) return { [variable]: join(folder, newest) };
  }
  return undefined;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
