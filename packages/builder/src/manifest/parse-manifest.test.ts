import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import fc from 'fast-check';
import { functionConfig } from '../function-config.ts';
import { parseManifest } from './parse-manifest.ts';

/**
 * Each case is a .toml beside its expected normal form (.json) or error text
 * (.txt). To accept a changed text, run with POPMESH_ACCEPT=1 and read the diff.
 */
const CASES = new URL('./cases/', import.meta.url);
const accept = process.env.POPMESH_ACCEPT === '1';

function expectText(file: string, actual: string): void {
  const url = new URL(file, CASES);
  if (accept) writeFileSync(url, actual);
  assert.equal(actual, readFileSync(url, 'utf8'));
}

for (const file of readdirSync(CASES).filter((name) => name.endsWith('.toml'))) {
  const text = readFileSync(new URL(file, CASES), 'utf8');
  if (file.startsWith('good')) {
    test(`accepts ${file}`, () => {
      const manifest = parseManifest(text, 'popmesh.toml');
      const normal = {
        ...manifest,
        config: functionConfig(manifest, manifest.engine ?? 'quickjs'),
      };
      const expected = new URL(file.replace('.toml', '.json'), CASES);
      if (accept) writeFileSync(expected, JSON.stringify(normal, null, 2));
      assert.deepEqual(
        JSON.parse(JSON.stringify(normal)),
        JSON.parse(readFileSync(expected, 'utf8')),
      );
    });
  } else {
    test(`refuses ${file}`, () => {
      assert.throws(
        () => parseManifest(text, 'popmesh.toml'),
        (error) => {
          assert.ok(error instanceof PopmeshError);
          assert.equal(error.code, 'invalid_config');
          expectText(file.replace('.toml', '.txt'), `${error.message}\n`);
          return true;
        },
      );
    });
  }
}

test('any text gives a manifest or invalid_config, never another error', () => {
  const word = fc.constantFrom(
    'name',
    'limits',
    '[',
    ']',
    '=',
    '"',
    '.',
    '\n',
    '#',
    'x',
    '1',
    '{',
    '}',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(word).map((words) => words.join('')),
  );
  fc.assert(
    fc.property(text, (source) => {
      try {
        parseManifest(source, 'popmesh.toml');
      } catch (error) {
        assert.ok(error instanceof PopmeshError);
        assert.equal(error.code, 'invalid_config');
      }
    }),
  );
});

test('a route names a host that a node lets anybody claim: no address, no single label', () => {
  const routes = (...list: string[]) =>
    parseManifest(`name = "a"\nroutes = ${JSON.stringify(list)}\n`, 'popmesh.toml').routes;
  assert.deepEqual(routes('shop.example.com/a*'), [{ host: 'shop.example.com', path: '/a*' }]);
  for (const route of ['127.0.0.1', '127.1/*', '0x7f.1', 'localhost', 'a.b.', 'a.b/%2e%2e/x']) {
    assert.throws(() => routes(route), { code: 'invalid_config' }, route);
  }
});
