import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { componentize } from 'componentize-qjs';
import { bundle } from '../bundle.ts';
import { WIT_PATH } from '../componentize.ts';
import { type GuestHost, hostFor } from './host-double.ts';

/**
 * Author's source → the real component, in this process. What was built stays in a
 * temporary folder by the hash of its bundle, since a build takes seconds and tests run often.
 */

const CACHE = join(tmpdir(), 'popmesh-platform-tests');
/** Part of the cache key: raise it when the steps below change. */
const STEPS = 'jco-transpile 0.15.0, componentize-qjs 0.4.5, 3';

export interface WireBody {
  tag: 'none' | 'text' | 'bytes' | 'pipe';
  val?: string | Uint8Array | number;
}
export interface WireMessage {
  status: number;
  headers: string;
  body: WireBody;
}
export type Handle = (
  id: number,
  request: { method: string; url: string; headers: string; body: WireBody },
) => Promise<WireMessage>;

/** TypeScript's Node types have no WebAssembly functions. */
const { compile } = (
  globalThis as unknown as { WebAssembly: { compile(bytes: Uint8Array): Promise<object> } }
).WebAssembly;

interface Glue {
  instantiate(
    core: (path: string) => Promise<object>,
    imports: object,
  ): Promise<{
    handle(
      id: number,
      head: string,
      methodLength: number,
      urlLength: number,
      body: number,
    ): Promise<void>;
    settle(wait: number, value: number): Promise<void>;
  }>;
}

async function prepare(main: string): Promise<string> {
  const { code } = await bundle(
    { folder: dirname(main), main: basename(main) },
    AbortSignal.timeout(60_000),
  );
  const folder = join(CACHE, createHash('sha256').update(STEPS).update(code).digest('hex'));
  if ((await readdir(folder).catch(() => [])).length > 0) return folder;
  const { component } = await componentize({
    jsSource: code,
    witPath: WIT_PATH,
    world: 'function',
    stubWasi: true,
  });
  const { files } = await transpileBytes(component, {
    name: 'guest',
    instantiation: 'async',
    validLiftingOptimization: true,
    nodejsCompat: false,
    wasiShim: false,
  });
  await mkdir(CACHE, { recursive: true });
  const draft = await mkdtemp(join(CACHE, 'draft-'));
  await writeFile(join(draft, 'package.json'), '{"type":"module"}');
  for (const [name, bytes] of Object.entries(files)) {
    if (name.endsWith('.d.ts')) continue;
    await writeFile(join(draft, name), name === 'guest.js' ? encodeWhole(bytes) : bytes);
  }
  // Whoever is first wins; the others hold the same files.
  await rename(draft, folder).catch(() => rm(draft, { recursive: true }));
  return folder;
}

/**
 * Node 26.10's `encodeInto` may stop one character short of exact room; the runtime takes it
 * out of the glue too (packages/runtime/src/prepare/encode-whole.ts says more).
 */
const encodeWhole = (glue: Uint8Array): string =>
  Buffer.from(glue)
    .toString()
    .replace(
      /const \{ read, written \} = TEXT_ENCODER_UTF8\.encodeInto\([^;]*;/g,
      'const read = s.length, written = len; new Uint8Array(memory.buffer, ptr, len).set(TEXT_ENCODER_UTF8.encode(s));',
    );

/** Builds (or takes from the cache) and starts one instance. `source` is a file, or code. */
export async function startGuest(
  source: { file: string } | { code: string },
  config: Record<string, unknown> = {},
): Promise<{ handle: Handle; host: GuestHost }> {
  const folder = await prepare('file' in source ? source.file : await write(source.code));
  const glue = (await import(pathToFileURL(join(folder, 'guest.js')).href)) as Glue;
  const host = hostFor(config);
  const { handle, settle } = await glue.instantiate(
    async (path) => compile(await readFile(join(folder, path))),
    { 'popmesh:function/host': host.imports },
  );
  host.settle = settle;
  return {
    handle: async (id, { method, url, headers, body }) => {
      const whole = typeof body.val === 'string' ? Buffer.from(body.val) : body.val;
      const bytes = typeof whole === 'object' && whole.length > 0 ? whole : undefined;
      const number = typeof whole === 'number' ? whole : bytes === undefined ? 0 : 1;
      const answer = host.expect(id, bytes);
      const head = `${method}${url}\n${headers}`;
      const called = handle(id, head, method.length, url.length, number);
      // A trap is the only way in which the call itself fails.
      const trapped = new Promise<never>((_, reject) => called.catch(reject));
      return await Promise.race([answer, trapped]).finally(() => host.requestEnded(id));
    },
    host,
  };
}

async function write(code: string): Promise<string> {
  const folder = join(CACHE, 'sources', createHash('sha256').update(code).digest('hex'));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'index.ts'), code);
  return join(folder, 'index.ts');
}
