/**
 * Every module of the WebAssembly specification's own test suite that is malformed or invalid is
 * refused as `invalid_component`, by itself and in a component that is good otherwise, and every
 * one that the suite takes is taken in such a component. In this process, with what the child
 * uses; `malformed.test.ts` uploads them to a daemon.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { PopmeshError } from '../../packages/contracts/src/index.ts';
import { checkComponent } from '../../packages/runtime/src/check/component.ts';
import { section } from '../../packages/runtime/src/testing/component-bytes.ts';
import { transpilerHere } from '../../packages/runtime/src/testing/transpile-here.ts';
import { sampled } from '../../scripts/test-length.ts';
import { type SpecSuite, specSuite } from './spec-suite.ts';

const good = readFileSync(join(import.meta.dirname, '../../examples/hello-rust/hello-rust.wasm'));

/** Fewer would mean that the suite is not read as it should be. */
const LEAST = { wrong: 1_190, texts: 380, valid: 440 } as const;
/** Valid modules in one component: each may have a memory, and a component 8 of them. */
const AT_ONCE = 7;

/** Refused by WebAssembly 1.0, and by no later version. */
const TAKEN_SINCE: readonly string[] = [
  'func.wast: invalid result arity',
  'globals.wast: mutable globals cannot be exported',
  'globals.wast: mutable globals cannot be imported',
  'imports.wast: multiple memories',
  'imports.wast: multiple tables',
  'memory.wast: multiple memories',
  'type.wast: invalid result arity',
  // What is never reached may have any type, the operands of `select` too.
  'unreached-invalid.wast: type mismatch',
];
/** Its export names change the direction of what follows, which the text parser refuses. */
const UNSAID: readonly string[] = ['names.wast:19'];
/** Valid modules, and yet none for a component: they import one name twice. */
const NOT_IN_COMPONENTS: ReadonlySet<string> = new Set([
  'imports.wast:24',
  'imports.wast:200',
  'names.wast:1075',
]);

const around = (...modules: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([good, ...modules.map((bytes) => Uint8Array.from(section(1, [...bytes])))]);

/** Whether the walker refuses it; then as it should. */
function isRefusedByWalker(bytes: Uint8Array, name: string): boolean {
  try {
    checkComponent(bytes, { componentBytesMax: bytes.length });
    return false;
  } catch (error) {
    assert.ok(error instanceof PopmeshError, `${name}: ${error}`);
    assert.equal(error.code, 'invalid_component', name);
    return true;
  }
}

describe("the WebAssembly specification's own suite", () => {
  let suite: SpecSuite;
  let transpile: Awaited<ReturnType<typeof transpilerHere>>;

  before(async () => {
    suite = await specSuite();
    transpile = await transpilerHere();
  });

  test('is read as a whole', (t) => {
    const files = new Map<string, { wrong: number; texts: number; valid: number }>();
    for (const [kind, cases] of Object.entries(suite)) {
      for (const { file } of cases) {
        const row = files.get(file) ?? { wrong: 0, texts: 0, valid: 0 };
        files.set(file, { ...row, [kind]: (row[kind as keyof typeof row] ?? 0) + 1 });
      }
    }
    const table = [...files].map(
      ([file, { wrong, texts, valid }]) =>
        `${file}: ${wrong} wrong, ${texts} texts, ${valid} valid`,
    );
    for (const row of table) t.diagnostic(row);
    for (const [kind, least] of Object.entries(LEAST)) {
      const { length } = suite[kind as keyof typeof LEAST];
      assert.ok(length >= least, `${length} ${kind}`);
    }
    const takenSince = suite.takenSince.map(({ file, reason }) => `${file}: ${reason}`);
    assert.deepEqual([...new Set(takenSince)].sort(), TAKEN_SINCE);
    assert.deepEqual(
      suite.texts.filter(({ verdict }) => verdict !== 'malformed').map(({ name }) => name),
      UNSAID,
    );
  });

  test('its malformed and invalid modules are refused in a component', (t) => {
    let byWalker = 0;
    const wrong = sampled(suite.wrong, 4);
    for (const { name, bytes } of wrong) {
      const component = around(bytes);
      if (isRefusedByWalker(component, name)) byWalker++;
      else assert.throws(() => transpile(component, 'wasi:http'), /^Error: /, name);
    }
    t.diagnostic(`${wrong.length} of ${suite.wrong.length}, ${byWalker} of them by the walker`);
  });

  test('its modules and malformed texts are refused by themselves', () => {
    const { wrong, valid, takenSince } = suite;
    const texts = suite.texts.map(({ name, text }) => ({ name, bytes: Buffer.from(text) }));
    for (const { name, bytes } of [...wrong, ...valid, ...takenSince, ...texts]) {
      assert.ok(isRefusedByWalker(bytes, name), name);
    }
  });

  test('its valid modules are taken in a component', (t) => {
    const fitting = suite.valid.filter(({ name }) => !NOT_IN_COMPONENTS.has(name));
    const waiting = sampled(fitting, 3);
    t.diagnostic(`${waiting.length} of ${fitting.length}`);
    while (waiting.length > 0) {
      const some = waiting.splice(0, AT_ONCE);
      const component = around(...some.map(({ bytes }) => bytes));
      const names = some.map(({ name }) => name).join(' ');
      assert.ok(!isRefusedByWalker(component, names), names);
      assert.doesNotThrow(() => transpile(component, 'wasi:http'), names);
    }
    for (const { name, bytes } of suite.valid.filter((it) => NOT_IN_COMPONENTS.has(it.name))) {
      assert.throws(() => transpile(around(bytes), 'wasi:http'), /duplicate import name/, name);
    }
  });
});
