import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Stage } from '../supervise/stage.ts';
import { testRandom } from '../testing/harness.ts';
import { loadPrepared, PreparedStore } from './store.ts';

const nobody = (): boolean => false;

describe('the prepared components that nobody serves', () => {
  let root: string;
  let stores = 0;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'popmesh-store-'));
  });
  after(() => rm(root, { recursive: true, force: true }));

  async function opened(): Promise<{ store: PreparedStore; path: string }> {
    const path = join(root, String(stores++));
    const store = new PreparedStore(path, testRandom, () => 1_000_000);
    await store.open();
    return { store, path };
  }

  /** Some 1,000 bytes of its own and 10,000 that all with the same `engine` share. */
  async function write(store: PreparedStore, key: string, engine = 'engine'): Promise<void> {
    const facts = { digest: key, door: 'wasi:http', memoryMb: 1, imports: [], images: [] } as const;
    await store.write(key, facts, {
      common: new Map([['engine', Buffer.alloc(10_000, engine)]]),
      own: new Map([['own', Buffer.alloc(1_000, key)]]),
    });
    store.letGo(key);
  }

  const used = (store: PreparedStore, key: string, seconds: number): Promise<void> =>
    utimes(store.directoryOf(key), seconds, seconds);

  const kept = async (path: string): Promise<string[]> =>
    (await readdir(path)).filter((name) => name !== 'shared').sort();

  test('go beyond the bound, the least recently used first', async () => {
    const { store, path } = await opened();
    for (const [at, key] of ['d', 'b', 'a', 'c'].entries()) {
      await write(store, key);
      await used(store, key, 100 - at);
    }
    const all = await store.sweep(nobody, 1_000_000);
    assert.equal(all.removed, 0);
    // What they share counts once, manifests count too.
    assert.ok(all.unusedBytes > 14_000 && all.unusedBytes < 18_000, `${all.unusedBytes}`);
    const some = await store.sweep(nobody, 14_000);
    assert.equal(some.removed, 2);
    assert.deepEqual(await kept(path), ['b', 'd']);
    assert.ok(some.unusedBytes <= 14_000);
    for (const key of ['b', 'd']) assert.ok(await loadPrepared(store.directoryOf(key)));
    assert.equal((await store.sweep(nobody, 0)).unusedBytes, 0);
    assert.deepEqual(await kept(path), []);
    assert.deepEqual(await readdir(join(path, 'shared')), []);
  });

  test('that was found again was used', async () => {
    const { store, path } = await opened();
    for (const [at, key] of ['a', 'b'].entries()) {
      await write(store, key);
      await used(store, key, 10 + at);
    }
    assert.ok(await store.find('a', 'a'));
    store.letGo('a');
    await store.sweep(nobody, 12_500);
    assert.deepEqual(await kept(path), ['a']);
    assert.equal((await stat(store.directoryOf('a'))).mtimeMs, 1_000_000);
  });

  test('nothing that is served goes, nor what it shares', async () => {
    const { store, path } = await opened();
    for (const key of ['a', 'b', 'c']) await write(store, key);
    await write(store, 'd', 'another engine');
    const swept = await store.sweep((key) => key === 'b', 0);
    assert.deepEqual(swept, { removed: 3, unusedBytes: 0 });
    assert.deepEqual(await kept(path), ['b']);
    assert.equal((await readdir(join(path, 'shared'))).length, 1);
    assert.ok(await loadPrepared(store.directoryOf('b')));
  });

  test('nor what is about to be served, of which as many are remembered as have a bound', async () => {
    const { store, path } = await opened();
    for (const key of ['a', 'b']) await write(store, key);
    store.want('a');
    await store.sweep(nobody, 0);
    assert.deepEqual(await kept(path), ['a']);
    for (let i = 0; i < 64; i++) store.want(`later-${i}`);
    await store.sweep(nobody, 0);
    assert.deepEqual(await kept(path), []);
  });

  test('an executor keeps what it has links to', async () => {
    const { store, path } = await opened();
    await write(store, 'a');
    const stage = await Stage.create(join(root, 'executor'), undefined);
    const staged = await stage.add(store.directoryOf('a'));
    await store.sweep(nobody, 0);
    assert.deepEqual(await kept(path), []);
    assert.ok((await loadPrepared(staged)).manifest);
    // Prepared again it is another folder with the same shared file.
    await write(store, 'a');
    await stage.renew(store.directoryOf('a'));
    const shared = await readdir(join(path, 'shared'));
    assert.equal(shared.length, 1);
    const inodes = [join(staged, 'common'), join(path, 'shared', shared[0] ?? '')];
    const [one, other] = await Promise.all(inodes.map((file) => stat(file)));
    assert.equal(one?.ino, other?.ino);
    await stage.remove();
  });

  test('who asks while it goes gets it whole or not at all', async () => {
    const { store } = await opened();
    for (let round = 0; round < 50; round++) {
      await write(store, 'a');
      // Asked for at another moment of the sweep each time.
      const sweeping = store.sweep(nobody, 0);
      for (let turn = 0; turn < round; turn++) await stat(root);
      const found = await store.find('a', 'a');
      if (found !== undefined) assert.ok((await loadPrepared(store.directoryOf('a'))).manifest);
      await sweeping;
      const still = await stat(store.directoryOf('a')).catch(() => undefined);
      assert.equal(found !== undefined, still !== undefined);
    }
  });

  test('written and swept at once, whatever is left is whole', async () => {
    const { store, path } = await opened();
    const keys = Array.from({ length: 8 }, (_, i) => `k${i}`);
    for (let round = 0; round < 5; round++) {
      await Promise.all([
        ...keys.map((key) => write(store, key, `engine ${round % 2}`)),
        store.sweep(nobody, 0),
        store.sweep(nobody, 0),
      ]);
      for (const key of await kept(path)) assert.ok(await loadPrepared(store.directoryOf(key)));
    }
  });
});

test('two that write one component at once both have it', async () => {
  const root = await mkdtemp(join(tmpdir(), 'popmesh-store-'));
  try {
    // As two processes would: neither knows of the other.
    const stores = Array.from({ length: 3 }, () => new PreparedStore(root, testRandom, () => 0));
    await stores[0]?.open();
    const facts = { digest: 'x', door: 'wasi:http', memoryMb: 1, imports: [], images: [] } as const;
    const content = { common: new Map([['m', Buffer.alloc(100)]]), own: new Map() };
    for (let round = 0; round < 20; round++) {
      await Promise.all(stores.map((store) => store.write('key', facts, content)));
      assert.equal((await loadPrepared(join(root, 'key'))).manifest.digest, 'x');
    }
    assert.deepEqual((await readdir(root)).sort(), ['key', 'shared']);
    assert.equal((await readFile(join(root, 'key', 'common'))).length, 100);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
