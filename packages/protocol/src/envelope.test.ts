import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { CertificateCache, openRecord, sealRecord } from './envelope.ts';
import { SignedRecordSchema } from './generated/popmesh/v1/registry_pb.js';
import { generateKeyPair, issueNodeIdentity } from './identity.ts';
import { RECORD_ENVELOPE_BYTES_MAX } from './limits.ts';

const root = generateKeyPair();
const fra = issueNodeIdentity(root.privateKey, 'fra-1');
const cache = new CertificateCache();
const open = (envelope: Uint8Array) => openRecord(root.publicKey, envelope, cache);
const payload = new TextEncoder().encode('hello');

test('what was sealed opens as it was', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 200 }).filter((key) => !/^(?:node|gateway)\//.test(key)),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.uint8Array({ maxLength: 1000 }),
      (key, revision, bytes) => {
        // Lone surrogates cannot cross protobuf; names never contain them.
        fc.pre(key.isWellFormed());
        const opened = open(sealRecord(fra, key, revision, bytes).envelope);
        assert.deepEqual([opened.key, opened.revision], [key, revision]);
        assert.deepEqual([...opened.payload], [...bytes]);
      },
    ),
    { numRuns: 50 },
  );
});

test('every flipped byte is noticed', () => {
  const { envelope } = sealRecord(fra, 'function/default/hello', 7n, payload);
  const original = open(envelope);
  for (let i = 0; i < envelope.length; i++) {
    const bent = Uint8Array.from(envelope);
    bent[i] = (bent[i] as number) ^ 0x01;
    try {
      const opened = open(bent);
      // A flip in a field's number makes that field unknown; nothing that we read may differ.
      assert.deepEqual({ ...opened, envelope }, { ...original, envelope }, `byte ${i}`);
    } catch (error) {
      assert.equal((error as Error).name, 'PopmeshError', `byte ${i}: ${error}`);
    }
  }
});

test('a node of another mesh is refused', () => {
  const stranger = issueNodeIdentity(generateKeyPair().privateKey, 'fra-1');
  const { envelope } = sealRecord(stranger, 'function/default/hello', 7n, payload);
  assert.throws(() => open(envelope), { code: 'bad_signature' });
});

test('a node speaks for itself only', () => {
  open(sealRecord(fra, 'node/fra-1', 1n, payload).envelope);
  for (const key of ['node/iad-1', 'gateway/gw-1']) {
    assert.throws(() => open(sealRecord(fra, key, 1n, payload).envelope), {
      code: 'bad_signature',
    });
  }
});

test('a field from a later version survives a relay that does not know it', () => {
  const { envelope } = sealRecord(fra, 'function/default/hello', 7n, payload);
  const unknownField = new Uint8Array([0xf8, 0x06, 0x2a]); // field 111, varint 42
  const extended = Buffer.concat([envelope, unknownField]);
  const relayed = toBinary(SignedRecordSchema, fromBinary(SignedRecordSchema, extended));
  assert.deepEqual(Buffer.from(relayed), extended);
  assert.equal(open(relayed).key, 'function/default/hello');
});

test('oversized and shapeless bytes are refused by code', () => {
  assert.throws(() => open(new Uint8Array(RECORD_ENVELOPE_BYTES_MAX + 1)), {
    code: 'payload_too_large',
  });
  assert.throws(() => open(new Uint8Array([255, 255, 255])), { code: 'peer_misbehaved' });
  assert.throws(() => open(toBinary(SignedRecordSchema, create(SignedRecordSchema, {}))), {
    code: 'peer_misbehaved',
  });
  assert.throws(() => sealRecord(fra, 'k', 1n, new Uint8Array(RECORD_ENVELOPE_BYTES_MAX)), {
    code: 'payload_too_large',
  });
});
