import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PRELOAD = fileURLToPath(new URL('property-seed.ts', import.meta.url));

test('properties run with the fixed seed, or with the one that is named', () => {
  const seedSeen = (seed?: string): string =>
    execFileSync(
      process.execPath,
      [
        `--import=${PRELOAD}`,
        '--input-type=module',
        '--eval',
        "import fc from 'fast-check'; console.log(fc.check(fc.property(fc.nat(), () => true)).seed)",
      ],
      { cwd: import.meta.dirname, env: seed === undefined ? {} : { POPMESH_SEED: seed } },
    ).toString();
  assert.equal(seedSeen(), seedSeen());
  assert.equal(seedSeen('7'), '7\n');
});
