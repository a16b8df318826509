/**
 * The memory limit of a function against components that make many instances of one core module:
 * what begins above the limit is refused, what grows at run time stays within it, as the kernel
 * counts it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseText } from '../../packages/runtime/src/testing/transpile-here.ts';
import { withInstances, withNestedInstances } from '../hostile/binaries.ts';
import { factsOf } from '../hostile/process-facts.ts';
import { Subject, Target } from '../hostile/subject.ts';
import { RECURSIVE_ALLOCATOR } from './recursive-allocator.ts';

const root = join(import.meta.dirname, '../..');
const rust = new Uint8Array(readFileSync(join(root, 'examples/hello-rust/hello-rust.wasm')));
const LIMIT_MB = 16;
/** What the platform may hold beside it: the glue, buffers, tables. */
const BESIDE_MB = 64;
const CONFIG = { limits: { memoryMb: LIMIT_MB }, scaling: { max: 1 } };

const fixed = (pages: number): string =>
  `(module (memory ${pages} ${pages})
    (func $fill (memory.fill (i32.const 0) (i32.const 1) (i32.const ${pages * 65_536})))
    (start $fill))`;

/** Takes all it can get when it is instantiated, and writes into it. */
const GREEDY = `(module (memory 1)
  (func $grow (local $at i32)
    (loop $again
      (local.set $at (memory.grow (i32.const 4)))
      (if (i32.ne (local.get $at) (i32.const -1))
        (then
          (memory.fill (i32.shl (local.get $at) (i32.const 16)) (i32.const 1) (i32.const 262144))
          (br $again)))))
  (start $grow))`;

const table = (entries: number): string => `(module (table ${entries} funcref))`;
const GREEDY_TABLE = `(module (table 1 funcref)
  (func $grow
    (loop $again
      (br_if $again
        (i32.ne (table.grow (ref.null func) (i32.const 1000)) (i32.const -1)))))
  (start $grow))`;

describe('one memory limit, whatever the shape of the component', () => {
  let subject: Subject;
  let plainMb = 0;

  before(async () => {
    subject = await Subject.start();
    plainMb = await residentMb('plain', rust);
  });
  after(() => subject?.stop());

  /** Of the executor that has a namespace for this function alone. */
  async function residentMb(namespace: string, component: Uint8Array): Promise<number> {
    const others = new Set(subject.executors());
    assert.equal(await subject.deploy(`${namespace}/fn`, component, CONFIG), 'ready');
    const target = await Target.of(subject, `${namespace}/fn`);
    assert.equal((await target.call('/')).status, 200);
    const [pid] = subject.executors().filter((it) => !others.has(it));
    return factsOf(pid ?? 0).rssMb;
  }

  const OBJECTS = `(module
    (type $array (array (mut i64)))
    (type $list (struct (field (ref null $array)) (field (ref null $list))))
    (global $kept (mut (ref null $list)) (ref.null $list))
    (func $grow (loop $again
      (global.set $kept (struct.new $list
        (array.new_default $array (i32.const 10000)) (global.get $kept)))
      (br $again)))
    (start $grow))`;

  const refusals: readonly [string, string, RegExp, (module: Uint8Array) => Uint8Array][] = [
    ['60 instances', fixed(256), /more than 8 memories/, (it) => withInstances(rust, it, 60)],
    [
      '110 instances',
      fixed(256),
      /more than 100 instances of core modules/,
      (it) => withInstances(rust, it, 110),
    ],
    [
      '5 components of 12 each',
      fixed(256),
      /more than 8 memories/,
      (it) => withNestedInstances(rust, it, 5, 12),
    ],
    [
      '6 that fit one by one',
      fixed(64),
      /25\.0625 MB of memory in the 7 memories/,
      (it) => withInstances(rust, it, 6),
    ],
    ['60 tables', table(20_000), /tables begin with 1200/, (it) => withInstances(rust, it, 60)],
    ['objects that V8 keeps', OBJECTS, /garbage-collected/, (it) => withInstances(rust, it, 1)],
  ];
  for (const [name, wat, words, make] of refusals) {
    test(`refused: ${name}`, async () => {
      const outcome = await subject.upload('greedy/refused', make(await parseText(wat)), CONFIG);
      assert.ok('refused' in outcome, 'it was accepted');
      const { status, code, message } = outcome.refused;
      assert.deepEqual([status, code], [422, 'invalid_component'], message);
      assert.match(message, words);
    });
  }

  const bounded: readonly [string, string, (module: Uint8Array) => Uint8Array][] = [
    ['7 instances that grow', GREEDY, (it) => withInstances(rust, it, 7)],
    ['7 of them in a component each', GREEDY, (it) => withNestedInstances(rust, it, 7, 1)],
    ['90 tables that grow', GREEDY_TABLE, (it) => withInstances(rust, it, 90)],
  ];
  for (const [at, [name, wat, make]] of bounded.entries()) {
    test(`bounded: ${name}`, async (context) => {
      const mb = await residentMb(`grow-${at}`, make(await parseText(wat)));
      context.diagnostic(
        `${mb} MB resident, ${plainMb} MB without them: ${mb - plainMb} MB for a limit of ${LIMIT_MB} MB`,
      );
      assert.ok(mb - plainMb <= LIMIT_MB + BESIDE_MB, `${mb - plainMb} MB more`);
    });
  }

  test('bounded: an allocator that calls its host, which calls the allocator', async (context) => {
    const others = new Set(subject.executors());
    const component = await parseText(RECURSIVE_ALLOCATOR);
    assert.equal(await subject.deploy('deep/fn', component, CONFIG), 'ready');
    const { status, code } = await (await Target.of(subject, 'deep/fn')).call('/');
    const [pid] = subject.executors().filter((it) => !others.has(it));
    const mb = factsOf(pid ?? 0).rssMb;
    context.diagnostic(`${mb} MB resident, ${plainMb} MB of a plain one`);
    assert.deepEqual([status, code], [500, 'function_trapped']);
    assert.ok(mb - plainMb <= LIMIT_MB + BESIDE_MB, `${mb - plainMb} MB more`);
  });
});
