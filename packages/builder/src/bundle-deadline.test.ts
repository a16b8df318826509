import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bundle } from './bundle.ts';

const never = new AbortController().signal;
const skip = spawnSync('mkfifo', ['--version']).status === 0 ? false : 'there is no mkfifo';

/** Imports a pipe into which nobody writes, so that esbuild hangs where it cannot be cancelled. */
async function hanging(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'popmesh-bundle-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  assert.equal(spawnSync('mkfifo', [join(folder, 'pipe.js')]).status, 0);
  await writeFile(join(folder, 'index.js'), 'import "./pipe.js";\n');
  await writeFile(join(folder, 'good.js'), 'export default "good";\n');
  const entry = join(folder, 'entry.js');
  await writeFile(entry, 'export { default } from "popmesh:author";\n');
  return { folder, entry, main: 'index.js' };
}

test('a bundle that hangs ends at its deadline, and the next one is made', { skip }, async (t) => {
  const project = await hanging(t);
  await assert.rejects(bundle({ ...project, deadlineMs: 200 }, never), {
    code: 'build_failed',
    details: { limit: 'bundle_deadline_ms', max: 200 },
  });
  const { code } = await bundle({ ...project, main: 'good.js' }, never);
  assert.match(code, /good/);
});

test('a bundle that hangs is left when it is aborted', { skip }, async (t) => {
  const project = await hanging(t);
  const abort = new AbortController();
  const reason = new Error('enough');
  const thrown = assert.rejects(bundle(project, abort.signal), reason);
  setImmediate(() => abort.abort(reason));
  await thrown;
  await assert.rejects(bundle(project, abort.signal), reason);
});
