import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PopmeshError } from '@popmesh/contracts';
import { transpileFixture } from '../wasi/fixture.ts';
import { guardRealloc } from './guard-realloc.ts';
import { trimGlue } from './trim-glue.ts';

/** What it is good for is shown with a real component (test/tenants/memory.test.ts). */

test('every allocator that jco knows of is guarded, and every call of the host is told', async () => {
  const files = await transpileFixture();
  const [, bytes] = Object.entries(files).find(([name]) => name.endsWith('.js')) ?? [];
  const { source, changes } = trimGlue(new TextDecoder().decode(bytes), 'wasi:http');
  assert.ok(changes.includes('guard-realloc'), 'jco writes another text: see what it means');
  assert.match(source, /^ *realloc0 = _guardRealloc\(exports\d+\S*\);$/m);
  assert.match(source, /function _checkMayLeave\(componentIdx\) \{\n *if \(_allocating\) throw/);
  assert.doesNotMatch(source, /\brealloc\d+ = exports/);
  assert.deepEqual(guardRealloc(source), { source, guarded: 0 });
});

test('one that is written in another way is not let through', () => {
  const begin = 'export function instantiate(a, b) {\n';
  for (const odd of [
    `${begin}let realloc0;\n`,
    `let realloc0;\nrealloc0 = exports0.a;\n`,
    `${begin}let realloc0;\nrealloc0 = exports0.a;\nrealloc0 = exports0.b;\n`,
  ]) {
    assert.throws(
      () => guardRealloc(odd),
      (error: PopmeshError) => error.code === 'internal',
    );
  }
  assert.deepEqual(guardRealloc(begin), { source: begin, guarded: 0 });
});
