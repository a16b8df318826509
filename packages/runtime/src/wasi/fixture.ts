/** Test rig: transpiles the committed hello-rust component and opens the door on it in-process. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import type { Clock } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { trimGlue } from '../prepare/trim-glue.ts';
import type {
  Body,
  DoorInstance,
  Glue,
  GuestRequest,
  InstanceContext,
  Outbound,
  PreparedFiles,
} from '../worker/door.ts';
import { BytePipe } from '../worker/pipes.ts';
import { wasiHttpDoor, wasiTranspileOptions } from './door.ts';

const COMPONENT = new URL('../../../../examples/hello-rust/hello-rust.wasm', import.meta.url);
const wasm = (
  globalThis as unknown as {
    WebAssembly: { compile(bytes: Uint8Array): Promise<WebAssembly.Module> };
  }
).WebAssembly;

export interface Fixture {
  readonly files: PreparedFiles;
  close(): Promise<void>;
}

/** What jco makes of it, by file name; the glue as jco wrote it. */
export async function transpileFixture(): Promise<Record<string, Uint8Array>> {
  const { files } = await transpileBytes(await readFile(COMPONENT), {
    name: 'component',
    ...wasiTranspileOptions,
    asyncImports: [...wasiTranspileOptions.asyncImports],
    asyncExports: [...wasiTranspileOptions.asyncExports],
    wasiShim: false,
    nodejsCompat: false,
    tlaCompat: false,
    base64Cutoff: 0,
    emitTypescriptDeclarations: false,
    noComponentErrorWrapping: true,
    namespacedExports: true,
  });
  return files;
}

/** `change` makes another text of what jco wrote, as another jco or another component would. */
export async function prepareFixture(
  change: (glue: string) => string = (glue) => glue,
): Promise<Fixture> {
  const files = await transpileFixture();
  const directory = await mkdtemp(join(tmpdir(), 'popmesh-wasi-'));
  const modules = new Map<string, WebAssembly.Module>();
  let glue: Promise<Glue> | undefined;
  for (const [path, bytes] of Object.entries(files)) {
    if (path.endsWith('.wasm')) modules.set(path, await wasm.compile(bytes));
    else {
      const { source } = trimGlue(change(new TextDecoder().decode(bytes)), 'wasi:http');
      await writeFile(join(directory, 'component.mjs'), source);
    }
  }
  return {
    files: {
      glue: () => (glue ??= import(pathToFileURL(join(directory, 'component.mjs')).href)),
      coreModule: (path) => {
        const module = modules.get(path);
        if (module === undefined) throw new Error(`no core module ${path}`);
        return module;
      },
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

/** The tightest backpressure there is: a write waits until it was read. */
export const createPipe = (): BytePipe => new BytePipe(0);

export interface Log {
  readonly level: string;
  readonly message: string;
  readonly requestId: number | undefined;
}

export const noOutbound: Outbound = {
  fetch: () => Promise.reject(new Error('no outbound in this test')),
  begin: () => {},
  end: () => {},
  dispose: () => {},
};

export interface Rig {
  readonly instance: DoorInstance;
  readonly logs: Log[];
  /** Requests retained and not yet released. */
  readonly retained: Set<number>;
}

export async function openRig(
  files: PreparedFiles,
  env: Record<string, string> = {},
  outbound: Outbound = noOutbound,
  clock: Clock = realClock,
): Promise<Rig> {
  const logs: Log[] = [];
  const retained = new Set<number>();
  const context: InstanceContext = {
    config: {
      env,
      function: 'default/hello-rust',
      version: 1,
      node: 'n',
      pop: 'sin',
      region: 'as',
    },
    clock,
    outbound,
    pipeBufferBytes: 64 * 1024,
    log: (level, message, requestId) => void logs.push({ level, message, requestId }),
    report: () => {},
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    createPipe,
    retain: (id) => void retained.add(id),
    release: (id) => void retained.delete(id),
  };
  return { instance: await wasiHttpDoor.instantiate(files, context), logs, retained };
}

export const get = (path: string, headers: [string, string][] = []): GuestRequest => ({
  method: 'GET',
  url: `http://hello-rust.localhost${path}`,
  headers: [['host', 'hello-rust.localhost'], ...headers],
  body: { kind: 'none' },
});

export async function readAll(body: Body): Promise<Buffer> {
  if (body.kind === 'none') return Buffer.alloc(0);
  if (body.kind === 'text') return Buffer.from(body.text);
  if (body.kind === 'bytes') return Buffer.from(body.bytes);
  const parts: Uint8Array[] = [];
  for (let part = await body.pipe.read(); part !== undefined; part = await body.pipe.read()) {
    parts.push(part);
  }
  return Buffer.concat(parts);
}
