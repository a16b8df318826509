import { chunkStorageContract } from './chunk-storage-contract.test-support.ts';
import { MemoryChunkStore } from './memory-chunk-store.ts';

chunkStorageContract('memory', async (options) => ({
  store: new MemoryChunkStore(options),
  destroy: async () => {},
}));
