import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { PopmeshError } from '@popmesh/contracts';
import { checkHostFunctions, HOST_FUNCTIONS } from './host-functions.ts';

const wit = readFileSync(new URL('../../../../proto/wit/function.wit', import.meta.url), 'utf8');

test('the list has all that the world says', () => {
  const host = /interface host \{([\s\S]*?)\n\}/.exec(wit)?.[1] ?? '';
  const names = [...host.matchAll(/^\s+([a-z0-9-]+): func\(/gm)].map(([, name = '']) =>
    name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
  );
  assert.ok(names.length > 20);
  for (const name of names) assert.ok(HOST_FUNCTIONS.has(name), name);
});

test('a function that is not there is refused by its name', () => {
  checkHostFunctions("const { fetch: fetch$1, log } = imports['popmesh:function/host'];");
  assert.throws(
    () =>
      checkHostFunctions("x\nconst { log, timerKancel: a } = imports['popmesh:function/host'];\n"),
    (error: PopmeshError) =>
      error.code === 'import_not_allowed' && error.details.function === 'timerKancel',
  );
});
