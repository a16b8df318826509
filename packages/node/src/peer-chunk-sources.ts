import { type ChunkSource, readBounded } from '@popmesh/artifacts';
import { PopmeshError } from '@popmesh/contracts';
import { distanceKm, type Location } from '@popmesh/geo';
import type { MeshView, NodeView } from './mesh-view.ts';
import type { PeerClients } from './peer-clients.ts';

/**
 * Where to ask for chunks: the peers, nearest first by the distance between
 * PoPs. JetStream, the last resort, is added by the composition root. All peers
 * are asked before it, because in a young deploy one of them surely has it.
 */

/** One peer's answer; the fetcher has a shorter deadline for slow ones. */
const FETCH_TIMEOUT_MS = 30_000;
/** Of a large mesh only the nearest are asked: in total darkness each costs a round trip. */
export const PEER_SOURCES_MAX = 16;

export class PeerChunkSources {
  readonly #view: Pick<MeshView, 'reachableNodes'>;
  readonly #clients: PeerClients;
  readonly #here: Location;

  constructor(options: {
    readonly view: Pick<MeshView, 'reachableNodes'>;
    readonly clients: PeerClients;
    readonly here: Location;
  }) {
    this.#view = options.view;
    this.#clients = options.clients;
    this.#here = options.here;
  }

  nearestFirst(): ChunkSource[] {
    return this.#view
      .reachableNodes()
      .map((node) => ({ node, km: distanceKm(this.#here, node.announcement) }))
      .sort((a, b) => a.km - b.km || compare(a.node.announcement.id, b.node.announcement.id))
      .slice(0, PEER_SOURCES_MAX)
      .map(({ node }) => this.#source(node));
  }

  #source({ announcement }: NodeView): ChunkSource {
    return {
      id: announcement.id,
      fetch: async (digest, { signal, sizeBytesMax }) => {
        const parts = this.#clients
          .at(announcement.meshAddress)
          .fetchChunk({ digest }, { timeoutMs: FETCH_TIMEOUT_MS, signal });
        try {
          return await readBounded(dataOf(parts), sizeBytesMax);
        } catch (error) {
          if (error instanceof PopmeshError && error.code === 'not_found') return undefined;
          throw error;
        }
      },
    };
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

async function* dataOf(
  parts: AsyncIterable<{ readonly data: Uint8Array }>,
): AsyncGenerator<Uint8Array> {
  for await (const { data } of parts) yield data;
}
