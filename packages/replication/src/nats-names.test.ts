import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeKey, encodeKey, natsNames } from './nats-names.ts';

test('a key reads well as a subject', () => {
  assert.equal(encodeKey('function/default/hello-world'), 'function.default.hello-world');
  const names = natsNames('my-mesh');
  assert.equal(names.registryStream, 'KV_my-mesh-registry');
  assert.equal(names.chunkStream, 'MY_MESH_CHUNKS');
  assert.equal(names.recordSubject('function/a/b'), '$KV.my-mesh-registry.function.a.b');
  assert.equal(names.recordKey('$KV.my-mesh-registry.function.a.b'), 'function/a/b');
  assert.equal(names.recordKey('$KV.another.function.a.b'), undefined);
  assert.equal(names.chunkDigest(names.chunkSubject('ab')), 'ab');
});

test('any key becomes a valid subject, and comes back', () => {
  const anything = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[./=*> a-]*$/),
  );
  fc.assert(
    fc.property(anything, (key) => {
      fc.pre(key.length > 0 && key.isWellFormed());
      const token = encodeKey(key);
      assert.match(token, /^[-=.\w]+$/);
      assert.doesNotMatch(token, /^\.|\.$|\.\./);
      assert.equal(decodeKey(token), key);
    }),
    { numRuns: 500 },
  );
});

test('a subject that no key gives has no key', () => {
  for (const token of ['a=', 'a=2', 'a=zz', 'a=2F', 'a=61', 'a..b', '.a', '=.=41']) {
    assert.equal(decodeKey(token), undefined, token);
  }
});
