import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'acorn';
import { build } from 'esbuild';
import { bundle } from './bundle.ts';
import { WATCHED_BYTES_MAX, watchDroppedPromises } from './dropped-promises.ts';

/** Which calls of a bundle are handed to the platform, and that its source map follows. */

const PLATFORM = `
export function popmeshDropped(value) { value.then(undefined, quiet); }
export function popmeshEach(callback) { return (each) => popmeshDropped(callback(each)); }
export function popmeshWatch() {}
async function quiet() {}
quiet();
`;

async function watched(source: string, minifyWhitespace = true) {
  const author = `const save = async () => {};\nconst plain = () => {};\n${source}`;
  const { outputFiles } = await build({
    stdin: { contents: 'export * from "platform"; import "author"', resolveDir: '/' },
    bundle: true,
    write: false,
    outdir: '/',
    format: 'esm',
    treeShaking: false,
    minifySyntax: true,
    minifyWhitespace,
    sourcemap: 'external',
    plugins: [
      {
        name: 'sources',
        setup(plugin) {
          plugin.onResolve({ filter: /^(platform|author)$/ }, ({ path }) => ({ path: `/${path}` }));
          plugin.onLoad({ filter: /^\/platform$/ }, () => ({ contents: PLATFORM }));
          plugin.onLoad({ filter: /^\/author$/ }, () => ({ contents: author }));
        },
      },
    ],
  });
  const [sourceMap, code] = outputFiles.map(({ text }) => text);
  assert.ok(code !== undefined && sourceMap !== undefined);
  const before = { code, sourceMap };
  const after = watchDroppedPromises(before, (path) => path.endsWith('platform'));
  parse(after.code, { ecmaVersion: 'latest', sourceType: 'module' });
  return { before, after, author };
}

/** The watched calls, as they stand in the bundle. */
async function calls(source: string): Promise<string[]> {
  const { code } = (await watched(source)).after;
  const found: string[] = [];
  const marker = /(?<!function )\b(popmeshDropped|popmeshEach)\(/g;
  for (let match = marker.exec(code); match !== null; match = marker.exec(code)) {
    const start = match.index + match[0].length;
    let depth = 1;
    let end = start;
    for (; depth > 0; end++) depth += code[end] === '(' ? 1 : code[end] === ')' ? -1 : 0;
    found.push(code.slice(start, end - 1));
  }
  return found.filter((text) => text !== 'callback(each)');
}

test('dropped calls of async functions are watched, kept ones and plain ones are not', async () => {
  for (const [source, expected] of [
    ['save();', ['save()']],
    ['void save();', ['save()']],
    ['plain(); plain?.();', []],
    ['globalThis.kept = save();', []],
    ['globalThis.kept = async () => { await save(); return save(); };', []],
    ['if (globalThis.a) save(); else plain();', ['save()']],
    ['globalThis.a && save();', ['save()']],
    ['globalThis.a ? save() : globalThis.b?.save();', ['save()', 'globalThis.b?.save()']],
    ['for (globalThis.i = 0; globalThis.i < 3; save()) plain();', ['save()']],
    ['globalThis.f = () => void save();', ['save()']],
    ['globalThis.f = () => (save(), 1);', ['save()']],
    ['globalThis.f = () => { return (0, globalThis.save)(), 1; };', ['(0,globalThis.save)()']],
    ['globalThis.f = function* () { yield (save(), 1); };', ['save()']],
    ['do save(); while (globalThis.a)', ['save()']],
    ['switch (globalThis.a) { case 1: save(); }', ['save()']],
    [
      'class A { async go() {} async #own() {} run() { this.go(); this.#own(); } } new A();',
      ['this.go()', 'this.#own()'],
    ],
    ['const o = { async get() {} }; o.get(); o["get"]();', ['o.get()', 'o.get()']],
    ['globalThis.later = async () => {}; globalThis.later();', ['globalThis.later()']],
    [
      'globalThis.p.then(plain); globalThis.p.catch(plain); globalThis.map.set(1);',
      ['globalThis.p.then(plain)', 'globalThis.p.catch(plain)'],
    ],
    ['Promise.all([save()]);', ['Promise.all([save()])']],
    ['new Promise(plain);', ['new Promise(plain)']],
    ['fetch("https://a.test/");', ['fetch("https://a.test/")']],
    ['globalThis.f = (popmeshDropped) => { save(popmeshDropped); };', ['save(popmeshDropped2)']],
    [
      '[1].forEach(async (each) => { await each; }); [1].forEach((each) => each);',
      ['async each=>{await each}'],
    ],
    ['globalThis.f = async function* () {}; globalThis.f();', []],
  ] as const) {
    assert.deepEqual(await calls(source), expected, source);
  }
});

test('nothing is changed where nothing is dropped, or where it cannot be', async () => {
  for (const source of ['plain();', 'globalThis.f = () => { popmeshDropped(); save(); };']) {
    const { before, after } = await watched(source);
    assert.equal(after, before, source);
  }
  const broken = { code: 'function popmeshDropped(', sourceMap: '{}' };
  assert.equal(
    watchDroppedPromises(broken, () => false),
    broken,
  );
});

test('the source map follows, in one line and in many', async () => {
  const source = `
    save(); plain(); save(); globalThis.marker = new Error("one");
    const text = \`a
    b\`; save(); globalThis.marker = text; save();
    [3].forEach(async () => { plain(); save(); globalThis.marker = new TypeError("two"); });
    globalThis.marker = "three";
  `;
  for (const minified of [true, false]) {
    const { before, after, author } = await watched(source, minified);
    assert.notEqual(after.code, before.code);
    const places = (bundle: { code: string; sourceMap: string }): unknown[] =>
      [
        'new Error("one")',
        'globalThis.marker',
        'new TypeError("two")',
        '"three"',
        'plain()',
      ].flatMap((text) => placesOf(bundle, text));
    assert.deepEqual(places(after), places(before));
    const [first] = placesOf(after, 'new Error("one")') as { line: number; column: number }[];
    const line = author.split('\n')[first?.line ?? -1] ?? '';
    assert.match(line.slice(first?.column), /^new Error\("one"\)/);
  }
});

test('a bundle that is too large is built unwatched, and says so', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'popmesh-dropped-'));
  t.after(() => rm(folder, { recursive: true }));
  const text = 'const save = async () => {}; export default { fetch() { save(); } };';
  const signal = new AbortController().signal;
  for (const [name, padding, watches] of [
    ['small.js', 1, true],
    ['large.js', WATCHED_BYTES_MAX, false],
  ] as const) {
    await writeFile(join(folder, name), `${text} globalThis.text = "${'x'.repeat(padding)}";`);
    const { code, warnings } = await bundle({ folder, main: name }, signal);
    assert.equal(code.includes('popmeshDropped(save())'), watches);
    assert.equal(warnings.length, watches ? 0 : 1);
    if (!watches) assert.match(warnings[0] ?? '', /promises that are dropped .* are not reported/);
  }
});

/** Where the map says that each occurrence of a text in the bundle comes from. */
function placesOf({ code, sourceMap }: { code: string; sourceMap: string }, text: string) {
  const map = new SourceMap(JSON.parse(sourceMap));
  const places: unknown[] = [];
  for (let at = code.indexOf(text); at >= 0; at = code.indexOf(text, at + 1)) {
    const lines = code.slice(0, at).split('\n');
    const entry = map.findEntry(lines.length - 1, lines.at(-1)?.length ?? 0);
    assert.ok('originalLine' in entry, text);
    places.push({
      source: entry.originalSource,
      line: entry.originalLine,
      column: entry.originalColumn,
    });
  }
  return places;
}
