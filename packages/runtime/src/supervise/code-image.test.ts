import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { codeImage } from './code-image.ts';
import { IMAGE_FILE } from './code-image-files.ts';

describe('the code of executors, with its types taken out', () => {
  let root: string;
  before(async () => {
    root = join(await mkdtemp(join(tmpdir(), 'popmesh-code-')), 'code');
  });
  after(() => rm(join(root, '..'), { recursive: true }));

  test('holds all that the entries import, and nothing of ours that they do not', async () => {
    const { directory } = await codeImage(root);
    const { sources, names } = JSON.parse(await readFile(join(directory, IMAGE_FILE), 'utf8')) as {
      sources: Record<string, string>;
      names: Record<string, string>;
    };
    const has = (end: string) => Object.keys(sources).some((url) => url.endsWith(end));
    for (const needed of ['executor/main.ts', 'worker/main.ts', 'wasi/door.ts', 'outbound.ts']) {
      assert.ok(has(`/runtime/src/${needed}`) || has(`/outbound/${needed}`), needed);
    }
    for (const not of ['runtime/src/runtime.ts', 'supervisor.ts', '.test.ts', 'run-child.ts']) {
      assert.ok(!has(not), not);
    }
    assert.ok(sources[names['@popmesh/contracts'] ?? ''] !== undefined);
    // Every relative import is there: none is looked up on disk.
    for (const [url, source] of Object.entries(sources)) {
      for (const [, specifier = ''] of source.matchAll(/\bfrom '(\.[^']+)'/g)) {
        assert.ok(sources[new URL(specifier, url).href] !== undefined, `${specifier} in ${url}`);
      }
    }
  });

  test('is made once, and again when it is damaged', async () => {
    const { directory } = await codeImage(root);
    const file = join(directory, IMAGE_FILE);
    const { ino } = await stat(file);
    assert.equal((await codeImage(root)).directory, directory);
    assert.equal((await stat(file)).ino, ino, 'the one that is there is taken');
    const whole = await readFile(file);
    const bytes = Buffer.from(whole);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(file, bytes);
    await codeImage(root);
    assert.ok((await readFile(file)).equals(whole));
    assert.equal((await readdir(root)).length, 1, 'nothing is left beside it');
  });
});
