import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PopmeshError } from '@popmesh/contracts';
import fc from 'fast-check';
import { coreModule, leb, section, text } from '../testing/component-bytes.ts';
import { GLUE_FILE } from './generate-options.ts';
import { instancesOf, moduleFacts } from './instance-facts.ts';
import { limitModules } from './limit-memory.ts';
import { shareOut, sumOfInitial } from './share-out.ts';

const PAGES_PER_MB = 16;

/** As the transpiler writes it. */
const glueOf = (...names: readonly string[]): string => {
  const modules = [...new Set(names)];
  return [
    'function instantiate(getCoreModule, imports, instantiateCore = WebAssembly.instantiate) {',
    ...modules.map((name, at) => `const module${at} = getCoreModule('${name}');`),
    ...names.map((name, at) => {
      const made = `    ({ exports: exports${at} } = yield instantiateCore(yield module${modules.indexOf(name)}`;
      return at === 0
        ? `${made}));`
        : `${made}, {\n      env: {\n        memory: exports${at - 1}.memory,\n      },\n    }));`;
    }),
  ].join('\n');
};

const memory = (initial: number, maximum?: number): number[] =>
  maximum === undefined ? [0, ...leb(initial)] : [1, ...leb(initial), ...leb(maximum)];
/** One function, whose body grows the first memory. */
const GROWS = section(10, [1, 7, 0, 0x41, 1, 0x40, 0, 0x1a, 0x0b]);
const memories = (...all: readonly number[][]): Uint8Array =>
  Uint8Array.from(coreModule(section(5, [all.length, ...all.flat()]), GROWS));

function limit(
  memoryMb: number,
  modules: Readonly<Record<string, Uint8Array>>,
  instances: readonly string[],
  imagePages: ReadonlyMap<string, number> = new Map(),
) {
  const files = new Map(Object.entries(modules));
  files.set(GLUE_FILE, Buffer.from(glueOf(...instances)));
  const limited = limitModules({ files, imagePages, memoryMb });
  return (name: string) => moduleFacts(limited.get(name) ?? new Uint8Array(8));
}

const refusal = (run: () => unknown): PopmeshError => {
  try {
    run();
  } catch (error) {
    return error as PopmeshError;
  }
  throw new assert.AssertionError({ message: 'it was accepted' });
};
const maxima = (all: readonly { readonly maximum: number | undefined }[]) =>
  all.map((it) => it.maximum);

describe('one limit for all instances', () => {
  test('the main memory of an ordinary component keeps all that the others leave', () => {
    const of = limit(
      64,
      { 'main.wasm': memories(memory(17)), 'small.wasm': memories(memory(1, 1)) },
      ['main.wasm', 'small.wasm'],
    );
    assert.deepEqual(maxima(of('main.wasm').memories), [64 * PAGES_PER_MB - 1]);
    assert.deepEqual(maxima(of('small.wasm').memories), [1]);
  });

  test('many instances of one module share it', () => {
    const of = limit(64, { 'main.wasm': memories(memory(2)) }, new Array(8).fill('main.wasm'));
    assert.deepEqual(maxima(of('main.wasm').memories), [(64 * PAGES_PER_MB) / 8]);
  });

  test('what they begin with is summed over instances, and over images', () => {
    const seven = new Array(7).fill('main.wasm');
    const modules = { 'main.wasm': memories(memory(160)) };
    assert.equal(refusal(() => limit(64, modules, seven)).details.limit, 'memory_mb');
    assert.match(refusal(() => limit(64, modules, seven)).message, /70 MB of memory in the 7/);
    assert.ok(limit(70, modules, seven));
    const images = new Map([['main.wasm', 1_000]]);
    assert.match(
      refusal(() => limit(64, modules, ['main.wasm', 'main.wasm'], images)).message,
      /125 MB/,
    );
    assert.ok(limit(64, modules, ['main.wasm'], images));
  });

  test('the number of instances, memories and tables in them is bounded', () => {
    const empty = Uint8Array.from(coreModule());
    const times = (n: number) => new Array(n).fill('main.wasm');
    assert.ok(limit(16, { 'main.wasm': empty }, times(100)));
    const limitOf = (module: Uint8Array, n: number) =>
      refusal(() => limit(16, { 'main.wasm': module }, times(n))).details.limit;
    assert.equal(limitOf(empty, 101), 'coreInstancesMax');
    assert.equal(limitOf(memories(memory(0)), 9), 'memoriesMax');
    const table = Uint8Array.from(coreModule(section(4, [1, 0x70, 0, ...leb(600_000)])));
    assert.equal(limitOf(table, 2), 'tableEntriesMax');
    const globals = Array.from({ length: 2_000 }, () => [0x7f, 0, 0x41, 0, 0x0b]).flat();
    const global = Uint8Array.from(coreModule(section(6, [...leb(2_000), ...globals])));
    assert.equal(limitOf(global, 51), 'globalsMax');
  });

  test('tables share the entries', () => {
    const module = coreModule(section(4, [2, 0x70, 0, 5, 0x63, 0x70, 1, 5, 9]));
    const of = limit(16, { 'main.wasm': Uint8Array.from(module) }, ['main.wasm', 'main.wasm']);
    assert.deepEqual(maxima(of('main.wasm').tables), [499_991, 9]);
  });

  test('a memory that nobody grows keeps to what it begins with', () => {
    const exported = section(7, [1, ...text('memory'), 2, 0]);
    const stub = coreModule(section(5, [1, 0, 3]), exported);
    const imported = section(2, [1, ...text('env'), ...text('memory'), 2, 0, 0]);
    const reads = coreModule(imported);
    const grows = coreModule(imported, GROWS);
    const own = memories(memory(1));
    const of = (user: readonly number[]) =>
      limit(
        16,
        { 'stub.wasm': Uint8Array.from(stub), 'user.wasm': Uint8Array.from(user), 'own.wasm': own },
        ['stub.wasm', 'user.wasm', 'own.wasm'],
      );
    assert.deepEqual(maxima(of(reads)('stub.wasm').memories), [3]);
    assert.deepEqual(maxima(of(reads)('own.wasm').memories), [253]);
    assert.deepEqual(maxima(of(grows)('stub.wasm').memories), [128]);
    assert.deepEqual(maxima(of(grows)('own.wasm').memories), [128]);
  });

  test('a module that is not instantiated takes nothing', () => {
    const modules = { 'main.wasm': memories(memory(1)), 'none.wasm': memories(memory(9_000)) };
    const of = limit(16, modules, ['main.wasm']);
    assert.deepEqual(maxima(of('main.wasm').memories), [256]);
  });

  test('glue that makes an instance in another way is refused', () => {
    const files = instancesOf(glueOf('a.wasm', 'b.wasm', 'a.wasm')).map(({ file }) => file);
    assert.deepEqual(files, ['a.wasm', 'b.wasm', 'a.wasm']);
    // So a small component comes: jco loses count of its own braces.
    const further = glueOf('a.wasm').replace(/^/gm, '  ');
    assert.deepEqual(
      instancesOf(further).map(({ file }) => file),
      ['a.wasm'],
    );
    for (const odd of ['', `${glueOf('a.wasm')}\n  for (;;) instantiateCore(module0);`]) {
      assert.equal(refusal(() => instancesOf(odd)).code, 'internal');
    }
  });

  test('whatever the shape, the sum of maxima stays within the limit', () => {
    const part = fc.record({
      initial: fc.nat(500),
      maximum: fc.option(fc.nat(70_000), { nil: undefined }),
      instances: fc.nat(60),
    });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.nat(200_000), (all, bound) => {
        fc.pre(sumOfInitial(all) <= bound);
        const shares = shareOut(all, bound);
        const sum = shares.reduce((total, most, at) => total + most * (all[at]?.instances ?? 0), 0);
        assert.ok(sum <= bound, `${sum} of ${bound}`);
        for (const [at, { initial, maximum }] of all.entries()) {
          const most = shares[at] ?? -1;
          assert.ok(most >= initial && most <= Math.max(initial, maximum ?? bound));
        }
      }),
    );
  });
});
