import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { before, test } from 'node:test';
import { componentEmbed, componentNew } from '@bytecodealliance/jco';
import { $init, generate } from '@bytecodealliance/jco-transpile/component';
import { loweredNames } from '../wasi/abi/lowering.ts';
import { GLUE_FILE, generateOptions } from './generate-options.ts';
import { lowerImports } from './lower-imports.ts';
import { LOWERED_TEXTS } from './lowered-texts.ts';
import { trimGlue } from './trim-glue.ts';

/** That guests run on it is what the tests of the door show; hostile ones: src/wasi/abi/hostile.test.ts. */

const HELLO = new URL('../../../../examples/hello-rust/hello-rust.wasm', import.meta.url);
const WASI = '0.2.12';
const PARTS = ['io', 'clocks', 'random', 'cli', 'filesystem', 'sockets', 'http'];
const INTERFACES = ['http/types', 'http/outgoing-handler', 'io/poll', 'io/streams', 'io/error'];

/** A component that imports every function of these interfaces, and whose code is empty. */
async function everyImport(): Promise<Uint8Array> {
  const marker = '/@bytecodealliance/jco/';
  const main = createRequire(import.meta.url).resolve('@bytecodealliance/jco');
  const folder = main.slice(0, main.lastIndexOf(marker) + marker.length);
  const packages = PARTS.map(async (part) => {
    const file = `${folder}lib/wit/builtin/${WASI}/wasi-${part}/package.wit`;
    // A file's `package x;` holds for the whole file; within another text it needs braces.
    return (await readFile(file, 'utf8')).replace(/^(package [^;]+);/m, '$1 {').concat('\n}\n');
  });
  const witSource = [
    'package popmesh:every;',
    ...(await Promise.all(packages)),
    'world every {',
    ...INTERFACES.map((name) => `  import wasi:${name}@${WASI};`),
    `  export wasi:http/incoming-handler@${WASI};`,
    '}',
  ].join('\n');
  return await componentNew(
    await componentEmbed({ witSource, dummy: true, stringEncoding: 'utf8' }),
  );
}

async function glueOf(component: Uint8Array): Promise<string> {
  await $init;
  const { files } = generate(component, generateOptions('wasi:http'));
  const [, bytes] = files.find(([name]) => name === GLUE_FILE) ?? [];
  return new TextDecoder().decode(bytes);
}

let every: string;
let hello: string;
before(async () => {
  every = await glueOf(await everyImport());
  hello = await glueOf(new Uint8Array(await readFile(HELLO)));
});

const lower = (glue: string) => {
  const { source, lowered } = trimGlue(glue, 'wasi:http');
  assert.ok(lowered !== undefined);
  return { source, ...lowered };
};

test('every text is the known one; when not, this prints what jco writes now', () => {
  const { lowered, unknown, openHandle } = lower(every);
  assert.deepEqual(unknown, []);
  assert.ok(openHandle);
  assert.deepEqual([...lowered].sort(), loweredNames().sort());
  const others = ['handles: add', 'handles: remove', 'handle', 'handle, then post-return'];
  assert.deepEqual(Object.keys(LOWERED_TEXTS).sort(), [...loweredNames(), ...others].sort());
});

test('hello-rust is called without tasks, and no handle goes the long way', () => {
  const { source, unknown, openHandle } = lower(hello);
  assert.deepEqual(unknown, []);
  assert.ok(openHandle);
  assert.doesNotMatch(source, /_guardMayLeave\(0,/);
  assert.doesNotMatch(source, /const createTask = /);
  assert.doesNotMatch(source, /captureTable\d+= new Map/);
  // As much again is never read at a start.
  assert.ok(source.length < hello.length * 0.8);
  // A second time there is nothing left to do.
  assert.deepEqual(lowerImports(source).lowered, []);
});

test('a function with another signature keeps its own way, the others do not', () => {
  const name = 'wasi:http/types#OutgoingBody.write';
  const { lowered: all } = lower(hello);
  // As for a component that declares another type for it.
  const at = hello.indexOf("#write'", hello.indexOf('rsc0.write();') - 20);
  const from = hello.lastIndexOf('const _trampoline', at);
  const text = hello.slice(from, at);
  const odd = text.replace('setInt32(arg1 + 4', 'setInt32(arg1 + 8');
  assert.notEqual(odd, text);
  const { lowered, unknown, source } = lower(hello.replace(text, () => odd));
  assert.deepEqual(
    unknown.map((one) => one.name),
    [name],
  );
  assert.deepEqual(
    lowered,
    all.filter((one) => one !== name),
  );
  assert.match(source, /setInt32\(arg1 \+ 8, handle/);
});

test('one that waits and is not known keeps the tasks of all', () => {
  const at = hello.indexOf('async function(arg0, arg1, arg2)');
  const odd = `${hello.slice(0, at)}async function(arg0, arg1, arg2 )${hello.slice(at + 32)}`;
  const { source, openHandle, unknown } = lower(odd);
  assert.deepEqual(
    unknown.map(({ name }) => name),
    ['wasi:io/poll#poll'],
  );
  assert.equal(openHandle, false);
  assert.match(source, /const createTask = /);
});

test('handles that are kept in another way, and several instances in one, change nothing', () => {
  const other = lower(hello.replace('table.push(rep | T_FLAG);', 'table.push(rep);'));
  assert.deepEqual(other.lowered, []);
  assert.doesNotMatch(other.source, /\$popmesh/);
  const two = lower(`${hello}\nlet instanceFlags1;`);
  assert.deepEqual(two.lowered, []);
  assert.equal(lowerImports('').source, '');
});
