import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CryptoHost } from './crypto-host.ts';
import { CRYPTO_LIMITS } from './limits.ts';

/** The host's side alone, asked by hostile code; that it answers right is test/conformance's. */

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

function ask(host: CryptoHost, operation: string, parameters: object, ...data: Uint8Array[]) {
  const { tag, val } = host.run(operation, JSON.stringify(parameters), data);
  return tag === 'json' ? (JSON.parse(val) as Record<string, unknown>) : { tag, val };
}

const secretKey = (host: CryptoHost, extractable: boolean): number => {
  const made = ask(host, 'import', { format: 'raw', kind: 'secret', extractable }, bytes(32));
  return (made as { key: number }).key;
};

test('a key that is not extractable leaves in no form', () => {
  const host = new CryptoHost();
  const pair = ask(host, 'generate', { kind: 'P-256', extractable: false }) as {
    private: { key: number };
    public: { key: number };
  };
  for (const key of [secretKey(host, false), pair.private.key]) {
    for (const format of ['raw', 'pkcs8', 'spki', 'jwk', '__proto__']) {
      assert.match(
        String(ask(host, 'export', { key, format }).val),
        /^InvalidAccessError: the key is not extractable/,
      );
    }
  }
  assert.equal(ask(host, 'export', { key: pair.public.key, format: 'spki' }).tag, 'bytes');
});

test('keys of one instance are bounded, released ones make room, others cannot be reached', () => {
  const host = new CryptoHost();
  const first = secretKey(host, true);
  for (let i = 1; i < CRYPTO_LIMITS.keysMax; i++) secretKey(host, true);
  const full = ask(host, 'import', { format: 'raw', kind: 'secret', extractable: true }, bytes(1));
  assert.match(String(full.val), /^QuotaExceededError/);
  ask(host, 'release', { key: first });
  assert.ok(secretKey(host, true) > CRYPTO_LIMITS.keysMax);
  assert.match(String(ask(host, 'export', { key: first, format: 'raw' }).val), /no such key/);
  const other = new CryptoHost();
  assert.match(String(ask(other, 'export', { key: 2, format: 'raw' }).val), /no such key/);
});

test('work that would hold the thread is refused', () => {
  const host = new CryptoHost();
  const key = secretKey(host, false);
  const pbkdf2 = { key, kind: 'pbkdf2', hash: 'SHA-256', lengthBytes: 64 };
  for (const iterations of [CRYPTO_LIMITS.iterationsMax, 1e12, Number.NaN, -1, 0]) {
    assert.equal(ask(host, 'derive', { ...pbkdf2, iterations }, bytes(8)).tag, 'failed');
  }
  assert.equal(ask(host, 'derive', { ...pbkdf2, iterations: 2 }, bytes(8)).tag, 'bytes');
  assert.equal(ask(host, 'generate', { kind: 'rsa', bits: 16_384 }).tag, 'failed');
  assert.equal(ask(host, 'generate', { kind: 'rsa', bits: 2_048, exponent: 1 }).tag, 'failed');
  assert.equal(ask(host, 'generate', { kind: 'secret', bits: 2 ** 40 }).tag, 'failed');
});

test('a key signs and encrypts only as its kind does', () => {
  const host = new CryptoHost();
  const key = secretKey(host, false);
  for (const scheme of ['pkcs1', 'pss', 'ecdsa', 'eddsa', 'constructor']) {
    assert.equal(ask(host, 'sign', { key, scheme, hash: 'SHA-256' }, bytes(1)).tag, 'failed');
  }
  assert.equal(ask(host, 'oaep', { key, encrypt: true, hash: 'SHA-1' }, bytes(1)).tag, 'failed');
  const shapes = { format: 'jwk', kind: 'secret', extractable: true };
  for (const jwk of [
    null,
    1,
    { kty: 'oct' },
    { kty: 'EC', d: 'x' },
    { kty: 'RSA', n: '', e: '' },
  ]) {
    const answer = ask(host, 'import', { ...shapes, jwk });
    assert.ok('tag' in answer ? answer.tag === 'failed' : answer.bits !== undefined);
  }
});

test('whatever is asked, an outcome comes back and nothing is thrown', () => {
  const names =
    'digest hmac sign verify cipher oaep key-wrap derive diffie-hellman import export generate release __proto__ toString nope'.split(
      ' ',
    );
  const word = fc.constantFrom(
    'raw',
    'jwk',
    'spki',
    'secret',
    'P-256',
    'rsa',
    'gcm',
    'SHA-1',
    'pss',
    '__proto__',
  );
  const value = fc.oneof(
    word,
    fc.nat(4),
    fc.boolean(),
    fc.constant(null),
    fc.object({ maxDepth: 1 }),
  );
  const parameters = fc.dictionary(
    fc.constantFrom(
      'key',
      'public',
      'format',
      'kind',
      'mode',
      'hash',
      'jwk',
      'scheme',
      'encrypt',
      'lengthBytes',
      'tagBytes',
    ),
    value,
  );
  const host = new CryptoHost();
  secretKey(host, true);
  const data = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 3 });
  fc.assert(
    fc.property(fc.constantFrom(...names), parameters, data, (name, given, parts) => {
      const { tag } = host.run(name, JSON.stringify(given), parts);
      assert.ok(['bytes', 'json', 'failed'].includes(tag));
    }),
    { numRuns: 2_000 },
  );
  for (const text of ['', 'null', '1', '[]', '{', `"${'x'.repeat(70_000)}"`]) {
    assert.equal(host.run('import', text, []).tag, 'failed');
  }
});
