import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script } from 'node:vm';
import type { PopmeshError } from '@popmesh/contracts';
import { glueScript } from '../prepare/glue-script.ts';
import { codeCacheOf, glueOf } from './glue.ts';

const module = (body: string): string =>
  `"jco";\nexport function instantiate(getCoreModule) {\n  ${body}\n}\nexport const _util = {\n};\n`;
const text = (body: string, digest: string) => ({ digest, source: glueScript(module(body)) });

test('glue is one script per text, and its code cache is taken', () => {
  const glue = text('return 42;', 'a'.repeat(64));
  const { instantiate } = glueOf(glue);
  assert.equal(glueOf(glue).instantiate, instantiate);
  assert.equal((instantiate as () => unknown)(), 42);
  const cachedData = codeCacheOf(glue.digest);
  assert.ok(cachedData !== undefined);
  assert.equal(new Script(glue.source, { cachedData }).cachedDataRejected, false);
  // One that is not for this text is no harm.
  const other = { ...text('return 43;  ', 'b'.repeat(64)), codeCache: Buffer.alloc(64, 1) };
  assert.equal((glueOf(other).instantiate as () => unknown)(), 43);
});

test('glue can import nothing', async () => {
  for (const [at, what] of ["import('node:fs')", "import('data:text/javascript,1')"].entries()) {
    const { instantiate } = glueOf(text(`return ${what};`, String(at).repeat(64)));
    await assert.rejects(async () => (instantiate as () => unknown)(), {
      code: 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING',
    });
  }
});

test('glue of another form than the known one is not run', () => {
  const good = module('return 1;');
  for (const bad of [
    '',
    'export const x = 1;',
    `import fs from 'node:fs';\n${good}`,
    `${good}export default 1;\n`,
    `${good}${good}`,
  ]) {
    assert.throws(
      () => glueScript(bad),
      (error: PopmeshError) => error.code === 'internal',
      bad,
    );
  }
});
