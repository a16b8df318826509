import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
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

/** One for each user of the machine: what another made is not ours to write, nor to trust. */
const CACHE = join(tmpdir(), `popmesh-platform-tests-${process.getuid?.() ?? 0}`);
const { dependencies } = createRequire(import.meta.url)('../../package.json') as {
  dependencies: Record<string, string>;
};
/** Part of the cache key: raise the number when the steps below change. */
const STEPS = `${dependencies['@bytecodealliance/jco-transpile']} ${dependencies['componentize-qjs']} 4`;
/** The bundler has a deadline of its own. */
const never = new AbortController().signal;

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

async function prepare(main: string, cache: string): Promise<string> {
  const { code } = await bundle({ folder: dirname(main), main: basename(main) }, never);
  const folder = join(cache, createHash('sha256').update(STEPS).update(code).digest('hex'));
  if (await isWhole(folder)) return folder;
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
  const kept = Object.entries(files).filter(([name]) => !name.endsWith('.d.ts'));
  await place(
    folder,
    Object.fromEntries(
      kept.map(([name, bytes]) => [name, name === 'guest.js' ? encodeWhole(bytes) : bytes]),
    ),
  );
  return folder;
}

/** Temporary folders are swept by age, file by file. */
async function isWhole(folder: string): Promise<boolean> {
  const manifest = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
  if (manifest === undefined) return false;
  const there = new Set(await readdir(folder));
  return (JSON.parse(manifest) as { files: string[] }).files.every((name) => there.has(name));
}

/** All of the files at once, whoever else does the same: the first wins, the others hold the same. */
async function place(folder: string, files: Record<string, string | Uint8Array>): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(`${folder}-`);
  for (const [name, content] of Object.entries(files)) await writeFile(join(draft, name), content);
  const manifest = { type: 'module', files: Object.keys(files) };
  await writeFile(join(draft, 'package.json'), JSON.stringify(manifest));
  const isThere = await rename(draft, folder).then(
    () => false,
    () => true,
  );
  if (isThere && !(await isWhole(folder))) {
    await rename(folder, `${draft}-swept`);
    await rename(draft, folder).catch(() => {});
  }
  for (const rest of [draft, `${draft}-swept`]) await rm(rest, { recursive: true, force: true });
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
  cache = CACHE,
): Promise<{ handle: Handle; host: GuestHost }> {
  const main = 'file' in source ? source.file : await sourceFile(source.code, cache);
  const folder = await prepare(main, cache);
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

async function sourceFile(code: string, cache: string): Promise<string> {
  const folder = join(cache, 'sources', createHash('sha256').update(code).digest('hex'));
  await place(folder, { 'index.ts': code });
  return join(folder, 'index.ts');
}
