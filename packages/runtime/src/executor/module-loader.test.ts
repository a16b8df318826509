import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Prepared } from '../prepare/preparer.ts';
import { buildGuest } from '../testing/guests.ts';
import { Harness } from '../testing/harness.ts';
import { ModuleLoader } from './module-loader.ts';

const ANOTHER = `export async function handle(id, request) {
  return { status: 201, headers: '', body: { tag: 'text', val: 'another' } };
}`;

let harness: Harness;
let prepared: Prepared;
before(async () => {
  harness = await Harness.start();
  prepared = await harness.prepare(await buildGuest());
});
after(() => harness.stop());
/** The same component in a folder of another name. */
const at = (ending: string): Prepared => ({
  ...prepared,
  directory: `${prepared.directory}${ending}`,
});

test('a folder that holds another component than was prepared there is not loaded', async () => {
  const loader = new ModuleLoader();
  const other = await harness.prepare(await buildGuest(ANOTHER));
  const swapped = { digest: prepared.digest, directory: other.directory };
  await assert.rejects(loader.load(swapped), { code: 'digest_mismatch' });
  assert.equal(loader.compiled, 0);
});

test('a component is compiled once however many ask, and again only when it was let go', async () => {
  const loader = new ModuleLoader();
  const [first, ...others] = await Promise.all(
    Array.from({ length: 1_000 }, () => loader.load(prepared)),
  );
  assert.ok(first !== undefined && others.every((code) => code === first));
  assert.equal(loader.compiled, first.modules.size);
  // Folders that are not there fail and are not held.
  await assert.rejects(loader.load(at('-not')));
  assert.equal(loader.held, 1);
  // The same folder by other names stands for other components.
  for (let i = 0; i < ModuleLoader.heldMax; i++) {
    await loader.load(at('/.'.repeat(i + 1)));
    assert.equal(await loader.load(prepared), first, 'asked for again and again');
  }
  assert.equal(loader.held, ModuleLoader.heldMax);
  assert.equal(loader.compiled, first.modules.size, 'all of them have the same engine');
  loader.keepOnly(new Set([prepared.directory]));
  assert.equal(loader.held, 1);
});

test('functions with one engine share all but their images', async () => {
  const loader = new ModuleLoader();
  const other = await harness.prepare(await buildGuest(ANOTHER));
  const [a, b] = [await loader.load(prepared), await loader.load(other)];
  assert.equal(loader.compiled, a.modules.size);
  assert.equal(a.skeleton, b.skeleton);
  assert.equal(a.glue, b.glue);
  assert.equal(a.modules, b.modules);
  const [mine, theirs] = [a, b].map((code) =>
    code.images.find(({ memory }) => memory !== undefined),
  );
  assert.notEqual(mine?.memory?.sha256, theirs?.memory?.sha256);
  // The same code under another limit is other code: its memories have another maximum.
  const larger = await harness.prepare(await buildGuest(ANOTHER), 256);
  assert.notEqual((await loader.load(larger)).skeleton, a.skeleton);
});

test('images stay in memory up to a bound, those used last', async () => {
  const loader = new ModuleLoader();
  const code = await loader.load(prepared);
  const image = code.images.find(({ memory }) => memory !== undefined)?.memory;
  assert.ok(image !== undefined);
  const half = () => new SharedArrayBuffer(ModuleLoader.imageBytesMax / 2);
  const keep = async (name: string): Promise<typeof code> => {
    const other = await loader.load(at(name));
    const [path = ''] = other.images.flatMap(({ memory }) => memory?.path ?? []);
    loader.keep(other, { type: 'keep', codeCache: undefined, images: [[path, half()]] });
    return other;
  };
  const held = (of: typeof code) => of.images.some(({ memory }) => memory?.bytes !== undefined);
  const [one, two] = [await keep('/.'), await keep('/./.')];
  assert.deepEqual([held(one), held(two)], [true, true]);
  await loader.load(at('/.'));
  const three = await keep('/././.');
  assert.deepEqual([held(one), held(two), held(three)], [true, false, true]);
  loader.keepOnly(new Set());
  await loader.load(prepared);
  assert.deepEqual([held(one), held(three)], [false, false]);
});
