import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ArtifactManifest, ArtifactManifestSchema, create } from '@popmesh/protocol';
import { SeededRandom } from '@popmesh/simulation';
import { hasCode } from './chunk-storage-contract.test-support.ts';
import { ARTIFACT_BYTES_MAX, CHUNK_BYTES_MAX, CHUNKS_PER_ARTIFACT_MAX } from './limits.ts';
import { checkManifest, describeArtifact, splitArtifact } from './manifest.ts';

const bytes = new SeededRandom(1).bytes(300_000);

test('an artifact is described by digests and sizes that add up', () => {
  const { manifest, chunks } = splitArtifact(bytes, 'wasi:http');
  checkManifest(manifest);
  assert.equal(manifest.sizeBytes, 300_000n);
  assert.equal(manifest.door, 'wasi:http');
  assert.deepEqual(
    new Set(manifest.chunks.map((c) => c.digest)),
    new Set(chunks.map((c) => c.digest)),
  );
  assert.deepEqual(describeArtifact(bytes, 'wasi:http'), manifest);
});

test('repeated bytes are one chunk to store and several to join', () => {
  const { manifest, chunks } = splitArtifact(new Uint8Array(4 * CHUNK_BYTES_MAX), 'wasi:http');
  assert.equal(chunks.length, 1);
  assert.ok(manifest.chunks.length > 1);
  checkManifest(manifest);
});

test('empty and oversized artifacts are refused', () => {
  assert.throws(() => describeArtifact(new Uint8Array(), ''), hasCode('invalid_argument'));
  const huge = new Uint8Array(ARTIFACT_BYTES_MAX + 1);
  assert.throws(() => describeArtifact(huge, ''), hasCode('payload_too_large'));
});

test('manifests that lie about themselves are refused', () => {
  const good = describeArtifact(bytes, 'wasi:http');
  const alter = (change: (manifest: ArtifactManifest) => void): ArtifactManifest => {
    const copy = create(ArtifactManifestSchema, {
      ...good,
      chunks: good.chunks.map((chunk) => ({ ...chunk })),
    });
    change(copy);
    return copy;
  };
  const first = (m: ArtifactManifest) => m.chunks[0] ?? assert.fail();
  const lies: ((manifest: ArtifactManifest) => void)[] = [
    (m) => Object.assign(m, { digest: '../../etc/passwd' }),
    (m) => Object.assign(m, { digest: good.digest.toUpperCase() }),
    (m) => Object.assign(m, { chunks: [] }),
    (m) => Object.assign(m, { sizeBytes: 1n }),
    (m) => Object.assign(first(m), { sizeBytes: 0 }),
    (m) => Object.assign(first(m), { sizeBytes: CHUNK_BYTES_MAX + 1 }),
    (m) => Object.assign(first(m), { digest: 'x' }),
    (m) => {
      while (m.chunks.length <= CHUNKS_PER_ARTIFACT_MAX) m.chunks.push(first(m));
    },
  ];
  for (const lie of lies)
    assert.throws(() => checkManifest(alter(lie)), hasCode('invalid_argument'));
  const huge = alter((m) => Object.assign(m, { sizeBytes: BigInt(ARTIFACT_BYTES_MAX) + 1n }));
  assert.throws(() => checkManifest(huge), hasCode('payload_too_large'));
});
