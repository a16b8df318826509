import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { detectDoor } from '../component/component.ts';
import { buildRust } from './build-rust.ts';
import { findRust, type ToolchainSearch } from './toolchain.ts';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/hello-rust', import.meta.url));
const never = new AbortController().signal;
const nothing: ToolchainSearch = {
  toolchain: undefined,
  cargoFound: false,
  linkerMissing: false,
  rustup: false,
};

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'popmesh-rust-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const project = async (directory: string, source: string): Promise<void> => {
  await mkdir(join(directory, 'src'));
  await writeFile(
    join(directory, 'Cargo.toml'),
    '[package]\nname = "t"\nversion = "0.0.0"\nedition = "2021"\n[lib]\ncrate-type = ["cdylib"]\n[workspace]\n',
  );
  await writeFile(join(directory, 'src/lib.rs'), source);
};

test('without Rust the component beside the source is used, with a warning', async () => {
  const warnings: string[] = [];
  const component = await buildRust({
    directory: EXAMPLE,
    output: 'hello-rust.wasm',
    signal: never,
    onWarning: (text) => warnings.push(text),
    search: async () => nothing,
  });
  assert.equal(detectDoor(component), 'wasi:http');
  assert.match(warnings.join(), /no Rust toolchain.*hello-rust\.wasm/);
});

test('what is missing is named', async () => {
  const attempt = (search: Partial<ToolchainSearch>) =>
    buildRust({
      directory: EXAMPLE,
      signal: never,
      search: async () => ({ ...nothing, ...search }),
    });
  await assert.rejects(attempt({}), { code: 'build_failed', hint: /rustup\.rs/ });
  await assert.rejects(attempt({ cargoFound: true, rustup: true }), {
    code: 'build_failed',
    hint: 'Run: rustup target add wasm32-wasip2',
  });
  await assert.rejects(attempt({ cargoFound: true, linkerMissing: true }), {
    code: 'build_failed',
    hint: /lld/,
  });
});

test('a folder without Cargo.toml, and a command without output', async (t) => {
  const directory = await folder(t);
  await assert.rejects(buildRust({ directory, signal: never }), { code: 'build_failed' });
  await assert.rejects(buildRust({ directory, command: 'true', signal: never }), {
    hint: /build\.output/,
  });
  await assert.rejects(
    buildRust({ directory, command: 'true', output: 'x.wasm', signal: never }),
    /there is no file/,
  );
});

test('the author\u2019s own command', async (t) => {
  const directory = await folder(t);
  await cp(join(EXAMPLE, 'hello-rust.wasm'), join(directory, 'made.wasm'));
  const command = 'mkdir -p out && cp made.wasm out/x.wasm';
  const component = await buildRust({ directory, command, output: 'out/x.wasm', signal: never });
  assert.equal(detectDoor(component), 'wasi:http');
});

const search = await findRust(EXAMPLE, never);
const skip = search.toolchain === undefined && 'no Rust with a WASI target on this machine';

test('cargo: a compiler error is shown', { skip }, async (t) => {
  const directory = await folder(t);
  await project(directory, 'this is not Rust');
  await assert.rejects(buildRust({ directory, signal: never }), {
    code: 'build_failed',
    message: /cargo build ended with 101/,
  });
});

test('cargo: a library without a handler is refused', { skip }, async (t) => {
  const directory = await folder(t);
  await project(directory, '#[no_mangle] pub extern "C" fn add(a: i32) -> i32 { a + 1 }');
  await assert.rejects(buildRust({ directory, signal: never }), { code: 'invalid_component' });
});

test('cargo: aborting ends the build', { skip }, async (t) => {
  const directory = await folder(t);
  await project(directory, '');
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(buildRust({ directory, signal }), /enough|abort/i);
});

test('cargo: the example builds from source', { skip }, async () => {
  const steps: string[] = [];
  const component = await buildRust({
    directory: EXAMPLE,
    output: 'hello-rust.wasm',
    signal: never,
    onProgress: (step) => steps.push(step),
    onWarning: (text) => assert.fail(text),
  });
  assert.equal(detectDoor(component), 'wasi:http');
  assert.match(steps.join(), /cargo build for wasm32-wasip/);
});
