import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bannedCalls, fileLength, forbiddenNames, leftovers } from './files.ts';
import { cycles, doors, floors } from './floors.ts';
import { oneDoor, orphans, readmes } from './packages.ts';
import type { Rule, SourceFile } from './source-file.ts';

const file = (path: string, text: string): SourceFile => ({ path, text });
const lines = (rule: Rule, ...files: SourceFile[]): string[] =>
  rule(files).map(({ path, line }) => `${path}:${line}`);

test('floors: up, sideways, past the door, and the gateway rule are refused; down is not', () => {
  const from = (name: string, to: string): string[] =>
    lines(floors, file(`packages/${name}/src/a.ts`, `import { x } from '@popmesh/${to}';\n`));
  assert.deepEqual(from('gossip', 'contracts'), []);
  assert.deepEqual(from('gossip', 'node'), ['packages/gossip/src/a.ts:1']);
  assert.deepEqual(from('gossip', 'artifacts'), ['packages/gossip/src/a.ts:1']);
  assert.deepEqual(from('gossip', 'contracts/src/ids.ts'), ['packages/gossip/src/a.ts:1']);
  assert.deepEqual(from('gateway', 'runtime'), ['packages/gateway/src/a.ts:1']);
  assert.deepEqual(from('gossip', 'nowhere'), ['packages/gossip/src/a.ts:1']);
});

test('floors: only tests import simulation, which imports contracts alone', () => {
  const text = "import { SimulatedClock } from '@popmesh/simulation';\n";
  assert.deepEqual(lines(floors, file('packages/gossip/src/a.test.ts', text)), []);
  assert.equal(lines(floors, file('packages/gossip/src/a.ts', text)).length, 1);
  assert.equal(
    lines(floors, file('packages/simulation/src/a.ts', "import '@popmesh/gossip';\n")).length,
    1,
  );
});

test('floors: finds imports over several lines and dynamic ones', () => {
  const text =
    "import {\n  a,\n  b,\n} from '@popmesh/cli';\nconst x = await import('@popmesh/node');\n";
  assert.deepEqual(lines(floors, file('packages/node/src/a.ts', text)), [
    'packages/node/src/a.ts:4',
    'packages/node/src/a.ts:5',
  ]);
});

test('doors: no reaching into another package, no going through the own index', () => {
  assert.equal(
    lines(doors, file('packages/node/src/a.ts', "import '../../gossip/src/x.ts';\n")).length,
    1,
  );
  assert.equal(
    lines(doors, file('packages/node/src/api/a.ts', "import { x } from '../index.ts';\n")).length,
    1,
  );
  assert.equal(
    lines(doors, file('packages/node/src/api/a.ts', "import { x } from '../b.ts';\n")).length,
    0,
  );
});

test('cycles: found, unless only types go round', () => {
  const a = file('packages/node/src/a.ts', "import { b } from './b.ts';\n");
  const b = (text: string): SourceFile => file('packages/node/src/b.ts', text);
  assert.equal(lines(cycles, a, b("import { a } from './a.ts';\n")).length, 1);
  assert.equal(lines(cycles, a, b("import type { a } from './a.ts';\n")).length, 0);
});

test('fileLength: 500 lines pass, 501 do not', () => {
  assert.equal(lines(fileLength, file('packages/a/src/a.ts', 'x\n'.repeat(500))).length, 0);
  assert.equal(lines(fileLength, file('packages/a/src/a.ts', 'x\n'.repeat(501))).length, 1);
});

test('bannedCalls: refused in a room, allowed in daemon, tests, comments, strings and with a reason', () => {
  const text = 'const now = Date.now();\n';
  assert.deepEqual(lines(bannedCalls, file('packages/gossip/src/a.ts', text)), [
    'packages/gossip/src/a.ts:1',
  ]);
  for (const path of [
    'packages/daemon/src/a.ts',
    'packages/gossip/src/a.test.ts',
    'packages/node/src/main.ts',
  ]) {
    assert.deepEqual(lines(bannedCalls, file(path, text)), []);
  }
  const fine = "// Date.now()\nconst a = 'Math.random()';\nclock.setTimeout(x);\nthis.#fetch(x);\n";
  assert.deepEqual(lines(bannedCalls, file('packages/gossip/src/a.ts', fine)), []);
  const excused = '// tidy-allow: the worker has no other clock\nconst now = Date.now();\n';
  assert.deepEqual(lines(bannedCalls, file('packages/gossip/src/a.ts', excused)), []);
  for (const call of [
    'setTimeout(f, 1)',
    'await fetch(u)',
    'console.log(1)',
    'process.env',
    'new Date()',
  ]) {
    assert.equal(
      lines(bannedCalls, file('packages/gossip/src/a.ts', `${call};\n`)).length,
      1,
      call,
    );
  }
});

test('forbiddenNames: utils, helpers and their like', () => {
  assert.equal(lines(forbiddenNames, file('packages/a/src/utils.ts', '')).length, 1);
  assert.equal(lines(forbiddenNames, file('packages/a/src/helpers/x.ts', '')).length, 1);
  assert.equal(lines(forbiddenNames, file('packages/a/src/chunk-store.ts', '')).length, 0);
});

test('leftovers: marks that mean "later"', () => {
  const mark = ['FIX', 'ME'].join('');
  assert.equal(lines(leftovers, file('packages/a/src/a.ts', `// ${mark}: later\n`)).length, 1);
  assert.equal(lines(leftovers, file('packages/a/src/a.ts', '// fixed\n')).length, 0);
});

test('readmes: title, empty line, one sentence', () => {
  const source = file('packages/a/src/a.ts', '');
  const readme = (text: string): SourceFile => file('packages/a/README.md', text);
  assert.equal(lines(readmes, source).length, 1);
  assert.equal(lines(readmes, source, readme('# a\n\nText.\n')).length, 1);
  assert.equal(
    lines(readmes, source, readme('# @popmesh/a\n\nKnows where things are.\n')).length,
    0,
  );
});

test('oneDoor: exports lead to src/index.ts and nowhere else', () => {
  const source = file('packages/a/src/a.ts', '');
  const manifest = (exports: unknown): SourceFile =>
    file('packages/a/package.json', JSON.stringify({ exports }));
  assert.equal(lines(oneDoor, source, manifest({ '.': './src/index.ts' })).length, 0);
  assert.equal(
    lines(oneDoor, source, manifest({ '.': './src/index.ts', './x': './src/x.ts' })).length,
    1,
  );
});

test('orphans: a file that nobody imports or names', () => {
  const index = file(
    'packages/a/src/index.ts',
    "export * from './used.ts';\nconst w = new URL('worker.ts');\n",
  );
  const at = (name: string): SourceFile => file(`packages/a/src/${name}`, '');
  assert.deepEqual(
    lines(orphans, index, at('used.ts'), at('worker.ts'), at('lost.ts'), at('x.test.ts')),
    ['packages/a/src/lost.ts:1'],
  );
});
