/**
 * Every malformed and invalid module and component of the tables beside this file, uploaded:
 * each is refused as `invalid_component`, and the daemon goes on. Core modules are put into a
 * component that is good otherwise.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { section } from '../../packages/runtime/src/testing/component-bytes.ts';
import { until } from '../integration/process.ts';
import { invalidModules } from './invalid-modules.ts';
import { malformedComponents } from './malformed-components.ts';
import { malformedModules } from './malformed-modules.ts';
import { Subject, Target } from './subject.ts';

const root = join(import.meta.dirname, '../..');
const good = new Uint8Array(readFileSync(join(root, 'examples/hello-rust/hello-rust.wasm')));
const AT_ONCE = 3;

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

describe('malformed and invalid uploads', { timeout: 400_000 }, () => {
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

  const inGood = ({ name, bytes }: { name: string; bytes: readonly number[] }) => ({
    name,
    bytes: Buffer.concat([good, Uint8Array.from(section(1, bytes))]),
  });

  test('malformed core modules', async (context) => {
    const modules = malformedModules();
    assert.ok(modules.length >= 200);
    context.diagnostic(`${modules.length} modules`);
    await refuseAll(modules.map(inGood));
  });

  test('malformed core modules by themselves', () =>
    refuseAll(
      malformedModules().map(({ name, bytes }) => ({ name, bytes: Uint8Array.from(bytes) })),
    ));

  test('invalid core modules', async (context) => {
    const modules = invalidModules();
    context.diagnostic(`${modules.length} modules`);
    await refuseAll(modules.map(inGood));
  });

  test('malformed and invalid components', async (context) => {
    const components = malformedComponents();
    assert.ok(components.length >= 100);
    context.diagnostic(`${components.length} components`);
    await refuseAll(
      components.map(({ name, bytes }) => ({
        name,
        bytes: Buffer.concat([good, Uint8Array.from(bytes)]),
      })),
    );
  });

  test('afterwards a good one is taken, and no child is left', async () => {
    await subject.deploy('good/second', good);
    assert.equal((await (await Target.of(subject, 'good/second')).call('/')).status, 200);
    await until(
      () => subject.children().length === subject.executors().length,
      10_000,
      'no child to be left',
    );
  });
});
