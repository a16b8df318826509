import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';
import { PopmeshError } from '@popmesh/contracts';
import { notWasm, WasmReader } from './wasm-reader.ts';

/**
 * What a .wasm file is, and how it becomes a component. Compilers without component support
 * (wasm32-wasip1, wasm32-unknown-unknown) write a core module that carries its world in a
 * custom section; that is enough. Refused: running a plain command (`_start`) once per
 * request as CGI, since it would need a file-like stdin and stdout and a new instance each
 * time, and every language that can do it can export the handler instead.
 */

export type Door = 'popmesh:function' | 'wasi:http';

export interface ComponentFacts {
  readonly kind: 'component';
  readonly exports: readonly string[];
}

export interface CoreModuleFacts {
  readonly kind: 'core';
  readonly exports: readonly string[];
  /** Names of the modules it imports from, each once. */
  readonly importModules: readonly string[];
  /** It carries `component-type` metadata, as wit-bindgen writes it. */
  readonly hasComponentType: boolean;
}

const CUSTOM = 0;
const CORE_IMPORT = 2;
const CORE_EXPORT = 7;
const COMPONENT_EXPORT = 11;
const PREVIEW1 = 'wasi_snapshot_preview1';

/** Throws `invalid_component`. */
export function readComponent(bytes: Uint8Array): ComponentFacts | CoreModuleFacts {
  const reader = new WasmReader(bytes);
  for (const expected of [0x00, 0x61, 0x73, 0x6d]) {
    if (reader.byte() !== expected) throw notWasm('it does not begin with "\\0asm"');
  }
  const version = reader.byte() | (reader.byte() << 8);
  const layer = reader.byte() | (reader.byte() << 8);
  if (layer === 0 && version === 1) return readCore(reader);
  if (layer === 1) return readExports(reader);
  throw notWasm(`unknown version ${version}, layer ${layer}`);
}

function readExports(reader: WasmReader): ComponentFacts {
  const exports: string[] = [];
  for (const { id, body } of sections(reader)) {
    if (id !== COMPONENT_EXPORT) continue;
    for (let left = body.u32(); left > 0; left--) {
      body.byte();
      exports.push(body.name());
      if (body.byte() === 0) body.byte();
      body.u32();
      if (body.byte() === 1) skipDescription(body);
    }
  }
  return { kind: 'component', exports };
}

/** An optional type behind an export; only its length matters here. */
function skipDescription(body: WasmReader): void {
  const sort = body.byte();
  if (sort === 0) body.byte();
  if (sort === 2 || sort === 3) {
    const bound = body.byte();
    if (sort === 3 && bound === 1) return;
  }
  body.u32();
}

function readCore(reader: WasmReader): CoreModuleFacts {
  const exports: string[] = [];
  const importModules = new Set<string>();
  let hasComponentType = false;
  for (const { id, body } of sections(reader)) {
    if (id === CUSTOM) hasComponentType ||= body.name().startsWith('component-type');
    else if (id === CORE_EXPORT) {
      for (let left = body.u32(); left > 0; left--) {
        exports.push(body.name());
        body.byte();
        body.u32();
      }
    } else if (id === CORE_IMPORT) {
      for (let left = body.u32(); left > 0; left--) {
        importModules.add(body.name());
        body.name();
        skipImport(body);
      }
    }
  }
  return { kind: 'core', exports, importModules: [...importModules], hasComponentType };
}

function skipImport(body: WasmReader): void {
  const kind = body.byte();
  if (kind === 0) body.u32();
  else if (kind === 1) {
    body.byte();
    skipLimits(body);
  } else if (kind === 2) skipLimits(body);
  else if (kind === 3) {
    body.byte();
    body.byte();
  } else if (kind === 4) {
    body.byte();
    body.u32();
  } else throw notWasm(`unknown import kind ${kind}`);
}

function skipLimits(body: WasmReader): void {
  const flags = body.byte();
  body.u32();
  if ((flags & 1) === 1) body.u32();
}

function* sections(reader: WasmReader): Generator<{ id: number; body: WasmReader }> {
  while (!reader.done) {
    const id = reader.byte();
    yield { id, body: reader.take(reader.u32()) };
  }
}

/** A component stays as it is; a core module with a world in it is wrapped. Throws `invalid_component`. */
export async function toComponent(bytes: Uint8Array): Promise<Uint8Array> {
  const facts = readComponent(bytes);
  if (facts.kind === 'component') return bytes;
  if (!facts.hasComponentType) throw noWorld(facts);
  const adapters: [string, Uint8Array][] = facts.importModules.includes(PREVIEW1)
    ? [[PREVIEW1, await readFile(reactorAdapterPath())]]
    : [];
  try {
    return await componentNew(bytes, adapters);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PopmeshError('invalid_component', `the core module does not fit its world: ${why}`, {
      hint: 'Build it with one version of wit-bindgen, for the world wasi:http/proxy 0.2.',
      cause,
    });
  }
}

function noWorld(facts: CoreModuleFacts): PopmeshError {
  const command = facts.exports.includes('_start');
  return new PopmeshError(
    'invalid_component',
    command
      ? 'this is a core module of a command-line program (it exports "_start"), not an HTTP function'
      : 'this is a core module that does not say which world it was made for',
    {
      hint: command
        ? 'Export wasi:http/incoming-handler instead of main: in Rust with the crate "wstd" and crate-type = ["cdylib"], in Go and C with wit-bindgen for the world wasi:http/proxy.'
        : 'Build it as a component: Rust for wasm32-wasip2, Go with TinyGo -target=wasip2, C with wasm32-wasip2-clang; or keep the custom section "component-type" that wit-bindgen writes (do not strip it).',
    },
  );
}

/** Of jco: for libraries, which a handler is; its command twin would ask for a `main`. */
const reactorAdapterPath = (): string => {
  const entry = createRequire(import.meta.url).resolve('@bytecodealliance/jco');
  return new URL('../lib/wasi_snapshot_preview1.reactor.wasm', `file://${entry}`).pathname;
};

const INCOMING_HANDLER = /^wasi:http\/incoming-handler@0\.2\.\d+$/;

/** Of a component. Throws `invalid_component` with what it exports instead. */
export function detectDoor(bytes: Uint8Array): Door {
  const facts = readComponent(bytes);
  if (facts.kind === 'component') {
    if (facts.exports.some((name) => INCOMING_HANDLER.test(name))) return 'wasi:http';
    if (facts.exports.includes('handle')) return 'popmesh:function';
  }
  const shown = facts.exports.slice(0, 8).join(', ') || 'nothing';
  const isCommand = facts.exports.some((name) => name.startsWith('wasi:cli/run@'));
  throw new PopmeshError(
    'invalid_component',
    `the ${facts.kind === 'core' ? 'core module' : 'component'} has no HTTP handler; it exports ${shown}`,
    {
      hint: isCommand
        ? 'It is a command-line program: export wasi:http/incoming-handler@0.2 instead of wasi:cli/run.'
        : 'Build it for the world wasi:http/proxy 0.2, or with "popmesh build".',
    },
  );
}
