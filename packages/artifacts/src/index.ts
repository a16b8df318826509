export { type ChunkSource, readBounded } from './chunk-source.ts';
export type { ChunkStorage } from './chunk-storage.ts';
export { ChunkStore, type ChunkStoreOptions } from './chunk-store.ts';
export { type Chunk, splitIntoChunks } from './chunker.ts';
export { type ArtifactsConfig, artifactsConfigSchema, defaultArtifactsConfig } from './config.ts';
export { sha256Hex } from './digest.ts';
export { ArtifactFetcher, type ArtifactFetcherOptions } from './fetcher.ts';
export { ARTIFACT_BYTES_MAX, CHUNK_BYTES_MAX, CHUNKS_PER_ARTIFACT_MAX } from './limits.ts';
export {
  type ArtifactManifestInit,
  checkManifest,
  type DescribedArtifact,
  describeArtifact,
  splitArtifact,
} from './manifest.ts';
export { MemoryChunkStore } from './memory-chunk-store.ts';
