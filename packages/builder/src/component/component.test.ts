import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { componentWit, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import fc from 'fast-check';
import { detectDoor, readComponent, toComponent } from './component.ts';

const hello = () =>
  readFile(new URL('../../../../examples/hello-rust/hello-rust.wasm', import.meta.url));

test('the example is a component with the HTTP handler', async () => {
  const bytes = await hello();
  const facts = readComponent(bytes);
  assert.equal(facts.kind, 'component');
  assert.ok(facts.exports.some((name) => name.startsWith('wasi:http/incoming-handler@0.2.')));
  assert.equal(detectDoor(bytes), 'wasi:http');
  assert.equal(await toComponent(bytes), bytes);
});

test('a core module is told from a component, with what it needs', async () => {
  const core = await parse(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (import "env" "t" (table 1 2 funcref)) (import "env" "m" (memory 1))
    (import "env" "g" (global (mut i32)))
    (func (export "_start")))`);
  assert.deepEqual(readComponent(core), {
    kind: 'core',
    exports: ['_start'],
    importModules: ['wasi_snapshot_preview1', 'env'],
    hasComponentType: false,
  });
});

test('a command and a module without a world are refused with what to do', async () => {
  const command = await parse('(module (func (export "_start")))');
  await assert.rejects(toComponent(command), {
    code: 'invalid_component',
    message: /command-line/,
  });
  const plain = await parse('(module (func (export "add")))');
  await assert.rejects(toComponent(plain), { code: 'invalid_component', message: /which world/ });
});

test('a component without a handler says what it exports', async () => {
  const bytes = await parse(
    '(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))',
  );
  assert.throws(() => detectDoor(bytes), {
    code: 'invalid_component',
    message: /wasi:cli\/run/,
    hint: /command-line program/,
  });
  assert.throws(() => detectDoor(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])), {
    code: 'invalid_component',
  });
});

test('the function door is known by its export', async () => {
  const bytes = await parse(`(component
    (core module $m (func (export "handle")))
    (core instance $i (instantiate $m))
    (func (export "handle") (canon lift (core func $i "handle"))))`);
  assert.equal(detectDoor(bytes), 'popmesh:function');
  assert.match(await componentWit(bytes), /export handle/);
});

test('whatever the bytes are, the answer is a fact or invalid_component', async () => {
  const good = await hello();
  const either = (bytes: Uint8Array): void => {
    try {
      readComponent(bytes);
    } catch (caught) {
      assert.equal((caught as { code?: string }).code, 'invalid_component');
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), either));
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(2_000), fc.nat(255), (cut, at, value) => {
      const bytes = new Uint8Array(good.subarray(0, cut));
      if (at < bytes.length) bytes[at] = value;
      either(bytes);
    }),
  );
});
