import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import { detectDoor, toComponent } from '../component/component.ts';
import { runCommand } from '../run-command.ts';
import { cargoBuild } from './cargo.ts';
import { findRust, type ToolchainSearch } from './toolchain.ts';

export interface BuildRustOptions {
  /** The folder with Cargo.toml. */
  readonly directory: string;
  /** The author's own way to build; `output` says what it writes. */
  readonly command?: string | undefined;
  /**
   * Relative to `directory`. With a command: the file that it writes. Without one: a component
   * that is kept beside the source, for machines that have no Rust.
   */
  readonly output?: string | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: ((step: string) => void) | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Stands in for what the machine has; for tests. */
  readonly search?: (directory: string, signal: AbortSignal) => Promise<ToolchainSearch>;
}

/**
 * A cargo project to a component. Any crate will do that exports `wasi:http/incoming-handler`
 * (`wstd`, `wasi`, wit-bindgen). Throws `build_failed` and `invalid_component`.
 */
export async function buildRust(options: BuildRustOptions): Promise<Uint8Array> {
  const component = await toComponent(await produce(options));
  detectDoor(component);
  return component;
}

async function produce(options: BuildRustOptions): Promise<Uint8Array> {
  const { directory, command, output, signal } = options;
  const progress = options.onProgress ?? (() => {});
  if (command !== undefined) {
    if (output === undefined) {
      throw new PopmeshError('build_failed', 'build.command without build.output', {
        hint: 'Set build.output in popmesh.toml to the .wasm file that the command writes.',
      });
    }
    progress('command');
    await runCommand(command, directory, signal);
    return await readOutput(directory, output);
  }
  if (!(await isFile(join(directory, 'Cargo.toml')))) {
    throw new PopmeshError('build_failed', `there is no Cargo.toml in ${directory}`);
  }
  const search = await (options.search ?? findRust)(directory, signal);
  if (search.toolchain !== undefined) {
    progress(`cargo build for ${search.toolchain.target}`);
    return await readArtifact(await cargoBuild(directory, search.toolchain, signal, progress));
  }
  if (output !== undefined && (await isFile(resolve(directory, output)))) {
    options.onWarning?.(
      `${missing(search).message}; using the component that is there, ${output}, as it is`,
    );
    return await readOutput(directory, output);
  }
  throw missing(search);
}

async function readArtifact(files: readonly string[]): Promise<Uint8Array> {
  const [file, second] = files;
  if (file === undefined) {
    throw new PopmeshError('build_failed', 'cargo wrote no .wasm file', {
      hint: 'Add to Cargo.toml: [lib] crate-type = ["cdylib"].',
    });
  }
  if (second !== undefined) {
    throw new PopmeshError('build_failed', `cargo wrote ${files.length} .wasm files`, {
      hint: 'Set build.command and build.output in popmesh.toml to say which one is meant.',
    });
  }
  return new Uint8Array(await readFile(file));
}

async function readOutput(directory: string, output: string): Promise<Uint8Array> {
  const file = resolve(directory, output);
  if (await isFile(file)) return new Uint8Array(await readFile(file));
  throw new PopmeshError('build_failed', `build.output: there is no file at ${file}`);
}

const isFile = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isFile() ?? false;

function missing(search: ToolchainSearch): PopmeshError {
  if (!search.cargoFound) {
    return new PopmeshError('build_failed', 'there is no Rust toolchain', {
      hint: 'Install Rust from https://rustup.rs, then run: rustup target add wasm32-wasip2',
    });
  }
  if (search.linkerMissing) {
    return new PopmeshError('build_failed', 'Rust has a WASI target but no linker for it', {
      hint: 'Install one, for example: apt-get install lld',
    });
  }
  return new PopmeshError('build_failed', 'Rust has no WASI target', {
    hint: search.rustup
      ? 'Run: rustup target add wasm32-wasip2'
      : 'Install the target wasm32-wasip2 (or wasm32-wasip1) for your Rust; with rustup: rustup target add wasm32-wasip2',
  });
}
