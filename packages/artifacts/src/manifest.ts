import { isDigest, PopmeshError } from '@popmesh/contracts';
import {
  type ArtifactManifest,
  ArtifactManifestSchema,
  create,
  type MessageInitShape,
} from '@popmesh/protocol';
import { type Chunk, splitIntoChunks } from './chunker.ts';
import { sha256Hex } from './digest.ts';
import { ARTIFACT_BYTES_MAX, CHUNK_BYTES_MAX, CHUNKS_PER_ARTIFACT_MAX } from './limits.ts';

/** What an artifact is made of: made here from bytes, and checked here before anyone acts on one. */

export interface DescribedArtifact {
  readonly manifest: ArtifactManifest;
  /** Each digest once, views into the input. */
  readonly chunks: readonly Chunk[];
}

/** Splits and describes in one pass over the bytes. Throws `payload_too_large`, `invalid_argument`. */
export function splitArtifact(bytes: Uint8Array, door: string): DescribedArtifact {
  if (bytes.length === 0) throw new PopmeshError('invalid_argument', 'an artifact has no bytes');
  if (bytes.length > ARTIFACT_BYTES_MAX) throw tooLarge(bytes.length);
  const chunks = splitIntoChunks(bytes);
  const manifest = create(ArtifactManifestSchema, {
    digest: sha256Hex(bytes),
    sizeBytes: BigInt(bytes.length),
    chunks: chunks.map((chunk) => ({ digest: chunk.digest, sizeBytes: chunk.bytes.length })),
    door,
  });
  const unique = new Map(chunks.map((chunk) => [chunk.digest, chunk]));
  return { manifest, chunks: [...unique.values()] };
}

export const describeArtifact = (bytes: Uint8Array, door: string): ArtifactManifest =>
  splitArtifact(bytes, door).manifest;

export type ArtifactManifestInit = MessageInitShape<typeof ArtifactManifestSchema>;

/**
 * A manifest comes signed, but its signer may be wrong or taken over: sizes are
 * what memory is reserved by, so they are bounded and must add up.
 */
export function checkManifest(manifest: ArtifactManifest): void {
  const size = Number(manifest.sizeBytes);
  if (size > ARTIFACT_BYTES_MAX) throw tooLarge(size);
  const refuse = (why: string): never => {
    throw new PopmeshError('invalid_argument', `the artifact manifest ${why}`);
  };
  if (!isDigest(manifest.digest)) refuse('has no digest');
  if (manifest.chunks.length === 0) refuse('has no chunks');
  if (manifest.chunks.length > CHUNKS_PER_ARTIFACT_MAX) refuse('has too many chunks');
  let sum = 0;
  for (const chunk of manifest.chunks) {
    if (!isDigest(chunk.digest)) refuse('names a chunk that is no digest');
    if (chunk.sizeBytes === 0 || chunk.sizeBytes > CHUNK_BYTES_MAX) {
      refuse(`declares a chunk of ${chunk.sizeBytes} bytes`);
    }
    sum += chunk.sizeBytes;
  }
  if (sum !== size) refuse(`declares ${size} bytes in chunks of ${sum}`);
}

const tooLarge = (size: number): PopmeshError =>
  new PopmeshError('payload_too_large', `an artifact of ${size} bytes is too large`, {
    details: { limit: 'artifact_bytes', max: ARTIFACT_BYTES_MAX },
  });
