import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transpileFixture } from '../wasi/fixture.ts';
import { directHostCalls } from './direct-host-calls.ts';
import { WASI_ASYNC_IMPORTS } from './generate-options.ts';
import { trimGlue } from './trim-glue.ts';

/** That guests still run on the changed glue is what the tests of the door show. */

test('every host function that cannot wait is called directly, and none that can', async () => {
  const files = await transpileFixture();
  const [, bytes] = Object.entries(files).find(([name]) => name.endsWith('.js')) ?? [];
  const glue = new TextDecoder().decode(bytes);
  const plain = [...glue.matchAll(/^ {2}const (_trampoline\d+) = function\(/gm)];
  const waiting = [...glue.matchAll(/^ {2}const (_trampoline\d+) = async function\(/gm)];
  assert.ok(plain.length > 40 && waiting.length > 1);
  assert.ok(waiting.length <= WASI_ASYNC_IMPORTS.length);

  const { source, changes } = trimGlue(glue, 'wasi:http');
  assert.ok(changes.includes('direct-host-calls'), 'jco writes another text: see what it means');
  assert.equal(source.match(/ = task\.enterSync\(\)/g)?.length ?? 0, 0);
  // Those that wait are all lowered by hand (lower-imports.test.ts).
  assert.equal(source.match(/await task\.enter\(\{ isHost/g)?.length ?? 0, 0);
  for (const [, name] of waiting) assert.doesNotMatch(source, new RegExp(`return ${name}\\(\\.`));
  // A second time there is nothing left to do.
  assert.equal(directHostCalls(source).direct, 0);
});

test('text that is not as expected is left as it is', () => {
  const odd = [
    '  const _trampoline1 = function(arg0) {',
    '    const started = task.enterSync();',
    '    task.resolve([arg0]);',
    '    task.exit();',
    '  }',
    "  _trampoline1.fnName = 'a';",
    '  let trampoline1 = _trampoline1.manuallyAsync ? new WebAssembly.Suspending(x(',
    '',
  ].join('\n');
  assert.deepEqual(directHostCalls(odd), { source: odd, direct: 0 });
  assert.deepEqual(directHostCalls(''), { source: '', direct: 0 });
});
