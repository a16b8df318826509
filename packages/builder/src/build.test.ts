import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import { type BuildOptions, build } from './build.ts';
import { loadProject } from './project.ts';

/** Builds real folders with the real tools; only the Web API layer, which has tests of its own, is stood in for. */

const ENTRY = `
import author from 'popmesh:author';
import host from 'popmesh:function/host@0.2.0';
const DONE = { then: (resolve) => resolve() };
export function handle(id, head) {
  Promise.resolve(author.fetch(head)).then((text) => host.respond(id, 200, '', String(text)));
  return DONE;
}
export const settle = () => DONE;
`;

async function project(t: TestContext, files: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'popmesh-build-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const all = { 'popmesh.toml': 'name = "hello"\n', '.popmesh/entry.js': ENTRY, ...files };
  for (const [path, text] of Object.entries(all)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const options: BuildOptions = { platformEntry: join(folder, '.popmesh/entry.js') };
  return {
    folder,
    options,
    run: async (more = {}) => build(await loadProject(folder), { ...options, ...more }),
  };
}

const refused =
  (code: string, ...texts: RegExp[]) =>
  (error: unknown) => {
    assert.ok(error instanceof PopmeshError, String(error));
    assert.equal(error.code, code, error.message);
    for (const text of texts) assert.match(`${error.message}\n${error.hint ?? ''}`, text);
    return true;
  };

const WASM_COMPONENT_HEADER = '0061736d0d000100';

test('builds TypeScript with an npm package, and takes it from the cache the second time', async (t) => {
  const { folder, run } = await project(t, {
    'popmesh.toml': 'name = "hello"\nversion = "1.2.3"\n[env]\nA = "b"\n',
    'index.ts': `import { shout } from 'shout';\nimport data from './data.json';\nexport default { async fetch(_: Request): Promise<string> { return shout(data.word); } };\n`,
    'data.json': '{"word":"hello"}',
    'node_modules/shout/package.json': JSON.stringify({
      name: 'shout',
      version: '1.0.0',
      exports: { '.': { workerd: './edge.js', default: './node.js' } },
    }),
    'node_modules/shout/edge.js': 'export const shout = (s) => s.toUpperCase();',
    'node_modules/shout/node.js': 'import "node:fs"; export const shout = 1;',
  });
  const cacheDirectory = join(folder, '.popmesh/cache');
  const first = await run({ cacheDirectory });
  assert.equal(Buffer.from(first.component.subarray(0, 8)).toString('hex'), WASM_COMPONENT_HEADER);
  assert.equal(first.label, '1.2.3');
  assert.equal(first.door, 'popmesh:function');
  assert.deepEqual(first.config.env, { A: 'b' });
  assert.ok(first.inputs.includes(join(folder, 'data.json')));
  assert.deepEqual(
    first.timings.map(({ step }) => step),
    ['bundle', 'componentize'],
  );

  const second = await run({ cacheDirectory });
  assert.equal(second.digest, first.digest);
  assert.deepEqual(
    second.timings.map(({ step }) => step),
    ['bundle'],
  );

  const entry = (await readdir(cacheDirectory)).find((name) => name.endsWith('.component'));
  await writeFile(join(cacheDirectory, entry ?? ''), 'torn');
  const third = await run({ cacheDirectory });
  assert.deepEqual(
    third.timings.map(({ step }) => step),
    ['bundle', 'componentize'],
  );
});

test('names file, line and column of broken syntax', async (t) => {
  const { run } = await project(t, {
    'index.ts': 'export default {\n  fetch( { return 1; }\n};\n',
  });
  await assert.rejects(
    run(),
    refused('build_failed', /^index\.ts:2:\d+: /, /2 \| {3}fetch\(/, /\^/),
  );
});

test('ends an endless loop at the top level', async (t) => {
  const { run } = await project(t, { 'index.js': 'for (;;) {}\nexport default {};\n' });
  await assert.rejects(
    run({ componentizeDeadlineMs: 2000 }),
    refused('build_failed', /^index\.js: .*within 2000 ms/, /endless loop/),
  );
});

test('stops a build that is aborted', async (t) => {
  const { run } = await project(t, { 'index.js': 'for (;;) {}\nexport default {};\n' });
  const reason = new Error('enough');
  const abort = new AbortController();
  await assert.rejects(
    run({
      signal: abort.signal,
      onProgress: (step: string) =>
        step === 'componentize' && queueMicrotask(() => abort.abort(reason)),
    }),
    reason,
  );
});

for (const [what, code, words] of [
  [
    'recursion',
    'const deep = (n) => (n === 0 ? 0 : 1 + deep(n - 1)); deep(1e5);',
    /^index\.js: code outside of the handler calls itself too deeply\n/,
  ],
  [
    'an await without an end',
    'await new Promise(() => {});',
    /^index\.js: an await outside of the handler never ends\n/,
  ],
] as const) {
  test(`says in one sentence what ended the engine: ${what}`, async (t) => {
    const { run } = await project(t, { 'index.js': `${code}\nexport default {};\n` });
    await assert.rejects(run(), refused('build_failed', words, /handler instead/));
  });
}

test('leads an error of top-level code back to its line', async (t) => {
  const { run } = await project(t, {
    'index.ts':
      'interface A { b: 1 }\nexport type { A };\n\nthrow new TypeError("boom");\nexport default {};\n',
  });
  await assert.rejects(run(), refused('build_failed', /^index\.ts:4:\d+: .*boom/));
});

test('refuses Node.js modules by name, file and line', async (t) => {
  const { run } = await project(t, {
    'index.js': 'import "./inner.js";\nimport path from "path";\nexport default { path };\n',
    'inner.js': '\nimport { readFileSync } from "node:fs";\nreadFileSync("x");\n',
  });
  await assert.rejects(
    run(),
    refused(
      'build_failed',
      /inner\.js:2:\d+: "node:fs" is part of Node\.js/,
      /index\.js:2:\d+: "path" is part/,
      /Web APIs/,
    ),
  );
});

test('names a package that is not installed', async (t) => {
  const { run } = await project(t, { 'index.js': 'import "@a/b/c";\nexport default {};\n' });
  await assert.rejects(
    run(),
    refused('build_failed', /package "@a\/b" is not installed/, /npm install @a\/b/),
  );
});

test('refuses WebAssembly inside JavaScript', async (t) => {
  const { run } = await project(t, {
    'index.js': 'import "./x.wasm";\nexport default {};\n',
    'x.wasm': 'x',
  });
  await assert.rejects(run(), refused('build_failed', /x\.wasm is WebAssembly/));
});

test('a build.command that fails shows the end of its output', async (t) => {
  const { run } = await project(t, {
    'popmesh.toml': 'name = "hello"\n[build]\ncommand = "echo went wrong >&2; exit 3"\n',
    'index.js': 'export default {};\n',
  });
  await assert.rejects(run(), refused('build_failed', /status 3/, /went wrong/));
});
