/**
 * Every malformed and invalid module and component of the tables beside this file is refused,
 * and the daemon that they are uploaded to goes on. Core modules are put into a component that
 * is good otherwise. What only the transpiler sees is wrong costs a child process to upload, so
 * those are all given to the transpiler here, and a few of them, others with each HOSTILE_SEED,
 * uploaded. With them the modules of the specification's own suite are uploaded, of which
 * `spec-suite.test.ts` knows that they are refused.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PopmeshError } from '../../packages/contracts/src/index.ts';
import { checkComponent } from '../../packages/runtime/src/check/component.ts';
import { section } from '../../packages/runtime/src/testing/component-bytes.ts';
import { transpilerHere } from '../../packages/runtime/src/testing/transpile-here.ts';
import { byLength, sampled } from '../../scripts/test-length.ts';
import { until } from '../integration/process.ts';
import { invalidModules } from './invalid-modules.ts';
import { malformedComponents } from './malformed-components.ts';
import { malformedModules } from './malformed-modules.ts';
import { randomFrom } from './random.ts';
import { specSuite } from './spec-suite.ts';
import { Subject, Target } from './subject.ts';
import type { Upload } from './uploads-generated.ts';

const root = join(import.meta.dirname, '../..');
const good = new Uint8Array(readFileSync(join(root, 'examples/hello-rust/hello-rust.wasm')));
/** A token has two uploads at once. */
const AT_ONCE = 2;
const SEED = Number(process.env.HOSTILE_SEED ?? 20_261_121);
/** Uploads that take a child. */
const SAMPLE = byLength(6, 24);

/** TypeScript's Node types know only `WebAssembly.Module`. */
const { validate } = (
  globalThis as unknown as { WebAssembly: { validate(bytes: Uint8Array): boolean } }
).WebAssembly;

test('V8 too says that each of the modules is wrong', () => {
  const modules = [...malformedModules(), ...invalidModules()];
  for (const { name, bytes } of modules) {
    assert.equal(validate(Uint8Array.from(bytes)), false, name);
  }
  assert.equal(new Set(modules.map(({ name }) => name)).size, modules.length, 'names');
});

const inGood = ({ name, bytes }: { name: string; bytes: readonly number[] }): Upload => ({
  name,
  bytes: Buffer.concat([good, Uint8Array.from(bytes)]),
});
const uploads: readonly Upload[] = [
  ...[...malformedModules(), ...invalidModules()].map(({ name, bytes }) =>
    inGood({ name, bytes: section(1, bytes) }),
  ),
  ...malformedComponents().map(inGood),
];

function passesWalker(bytes: Uint8Array): boolean {
  try {
    checkComponent(bytes, { componentBytesMax: bytes.length });
    return true;
  } catch (error) {
    assert.equal((error as PopmeshError).code, 'invalid_component');
    return false;
  }
}

test('what the walker lets pass, the transpiler refuses', async (context) => {
  const transpile = await transpilerHere();
  const others = uploads.filter(({ bytes }) => passesWalker(bytes));
  context.diagnostic(`${others.length} of ${uploads.length}`);
  for (const { name, bytes } of others) {
    assert.throws(() => transpile(bytes, 'wasi:http'), /^Error: /, name);
  }
  transpile(good, 'wasi:http');
});

describe('malformed and invalid uploads', () => {
  let subject: Subject;

  before(async () => {
    subject = await Subject.start();
    await subject.deploy('good/first', good);
  });
  after(() => subject?.stop());

  async function refuseAll(uploads: readonly { name: string; bytes: Uint8Array }[]): Promise<void> {
    const waiting = [...uploads.entries()];
    const accepted: string[] = [];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [at, { name, bytes }] = next;
        const outcome = await subject.upload(`bad/upload-${at}`, bytes);
        if (!('refused' in outcome)) accepted.push(name);
        else {
          const { status, code, message } = outcome.refused;
          assert.deepEqual({ status, code }, { status: 422, code: 'invalid_component' }, name);
          assert.notEqual(message, '', name);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    assert.deepEqual(accepted, []);
    assert.equal(subject.mesh.pidOf('fra-1'), subject.nodePid);
    assert.equal((await (await Target.of(subject, 'good/first')).call('/')).status, 200);
  }

  test('all that the walker refuses, and as many of the others as there is time for', async (t) => {
    const suite = sampled((await specSuite()).wrong, 6).map(({ name, bytes }) =>
      inGood({ name, bytes: section(1, [...bytes]) }),
    );
    const refused: Upload[] = [];
    const others: Upload[] = [];
    for (const upload of [...uploads, ...suite]) {
      (passesWalker(upload.bytes) ? others : refused).push(upload);
    }
    const random = randomFrom(SEED);
    const some = Array.from({ length: SAMPLE }, () => others[random(others.length)] as Upload);
    t.diagnostic(`${refused.length} by the walker, ${SAMPLE} of ${others.length}, seed ${SEED}`);
    assert.ok(refused.length >= byLength(200, 750), `${refused.length}`);
    await refuseAll([...refused, ...some]);
  });

  test('malformed core modules by themselves', () =>
    refuseAll(
      malformedModules().map(({ name, bytes }) => ({ name, bytes: Uint8Array.from(bytes) })),
    ));

  test('afterwards a good one is taken, and no child is left', async () => {
    await subject.deploy('good/second', good);
    assert.equal((await (await Target.of(subject, 'good/second')).call('/')).status, 200);
    await until(
      () => subject.children().length === subject.executors().length,
      'no child to be left',
    );
  });
});
