import type { ChunkStorage } from '@popmesh/artifacts';
import { functionId, isDigest, isName, PopmeshError } from '@popmesh/contracts';
import {
  CHUNK_PART_BYTES_MAX,
  type HandlerContext,
  type Mesh,
  type ServiceHandlers,
} from '@popmesh/protocol';
import type { LogHub } from './log-hub.ts';
import { toEntry } from './log-line.ts';

/**
 * What this node answers to its peers beside gossip: chunks it holds, and the
 * logs of its functions. Gossip brings its own handlers; see start-node.
 */

/** Chunks being sent at once; times the largest chunk, the memory that peers can make us hold. */
export const CHUNKS_SENDING_MAX = 32;

export type PeerHandlers = Pick<ServiceHandlers<typeof Mesh>, 'fetchChunk' | 'tailLogs'>;

export function peerHandlers(parts: {
  readonly store: Pick<ChunkStorage, 'get'>;
  readonly logs: LogHub;
}): PeerHandlers {
  let sending = 0;
  return {
    fetchChunk: async function* ({ digest }, { signal }: HandlerContext) {
      if (!isDigest(digest)) throw new PopmeshError('invalid_argument', 'not a SHA-256');
      if (sending >= CHUNKS_SENDING_MAX) {
        throw new PopmeshError('overloaded', 'too many chunks are being sent', {
          details: { limit: 'chunks_sending', max: CHUNKS_SENDING_MAX },
        });
      }
      sending++;
      try {
        const bytes = await parts.store.get(digest);
        if (bytes === undefined) throw new PopmeshError('not_found', 'the chunk is not here');
        for (let at = 0; at < bytes.length && !signal.aborted; at += CHUNK_PART_BYTES_MAX) {
          yield { data: bytes.subarray(at, at + CHUNK_PART_BYTES_MAX) };
        }
      } finally {
        sending--;
      }
    },

    tailLogs: async function* ({ namespace, name, reader }, { signal }: HandlerContext) {
      if ((namespace !== '' && !isName(namespace)) || (name !== '' && !isName(name))) {
        throw new PopmeshError('invalid_argument', 'not a namespace or not a function name');
      }
      if (namespace === '' && name !== '') {
        throw new PopmeshError('invalid_argument', 'a function name needs its namespace');
      }
      const filter =
        name !== ''
          ? { function: functionId(namespace, name) }
          : namespace !== ''
            ? { namespace }
            : {};
      for await (const line of parts.logs.follow(filter, signal, reader.slice(0, 128)))
        yield toEntry(line);
    },
  };
}
