import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { PopmeshError } from '@popmesh/contracts';
import { isLong } from '../../../../scripts/test-length.ts';
import { build } from '../build.ts';
import { loadProject } from '../project.ts';

/** Real builds; that what they give runs is shown in test/integration. */

async function project(t: TestContext, source: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'popmesh-portable-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'popmesh.toml'), 'name = "hello"\nengine = "starlingmonkey"\n');
  await writeFile(join(folder, 'index.js'), source);
  return folder;
}

test('builds a component for the standard door, and takes it from the cache', {
  skip: !isLong && 'shown in test/integration, too',
}, async (t) => {
  const folder = await project(t, 'export default { fetch: () => new Response("hi") };\n');
  const cacheDirectory = join(folder, '.cache');
  const first = await build(await loadProject(folder), { cacheDirectory });
  assert.equal(first.door, 'wasi:http');
  assert.equal(first.engine, 'starlingmonkey');
  const second = await build(await loadProject(folder), { cacheDirectory });
  assert.equal(second.digest, first.digest);
  assert.deepEqual(
    second.timings.map(({ step }) => step),
    ['bundle'],
  );
});

test('an error of the top level is led back to its line', async (t) => {
  const folder = await project(
    t,
    '// one\nconst nothing = undefined;\nnothing.x();\nexport default {};\n',
  );
  await assert.rejects(build(await loadProject(folder)), (error: PopmeshError) => {
    assert.equal(error.code, 'build_failed');
    assert.match(error.message, /^index\.js:3:\d+: TypeError: .*undefined/);
    assert.match(error.message, /nothing\.x\(\);/);
    return true;
  });
});

test('a module without a handler is refused with the shapes it may have', async (t) => {
  const folder = await project(t, 'export const other = 1;\n');
  await assert.rejects(
    build(await loadProject(folder)),
    (error: PopmeshError) =>
      error.code === 'build_failed' && /exports no handler/.test(error.message),
  );
});

test('a build that is aborted while it makes ready ends', async (t) => {
  const folder = await project(t, 'for (;;) {}\nexport default {};\n');
  const abort = new AbortController();
  const reason = new Error('enough');
  await assert.rejects(
    build(await loadProject(folder), {
      signal: abort.signal,
      onProgress: (step) => step === 'componentize' && queueMicrotask(() => abort.abort(reason)),
    }),
    reason,
  );
});

const skip = process.platform === 'linux' ? false : 'looks into /proc';

test('a top level without an end is ended, with every process and file', { skip }, async (t) => {
  const folder = await project(t, 'for (;;) {}\nexport default {};\n');
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  const { TMPDIR } = process.env;
  process.env.TMPDIR = temporary;
  t.after(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  });
  await assert.rejects(
    build(await loadProject(folder), { componentizeDeadlineMs: 3_000 }),
    (error: PopmeshError) => error.details.limit === 'componentize_deadline_ms',
  );
  assert.deepEqual(await readdir(temporary), []);
  // The snapshotter's command line names its files; an ended process has none.
  while ((await commandLines()).some((line) => line.includes(temporary))) await setImmediate();
});

async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
}
