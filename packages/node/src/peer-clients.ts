import { type ClosableClient, createClient, Mesh, type TlsCredentials } from '@popmesh/protocol';

/**
 * Connections to other nodes' Mesh services, for chunks and logs. One per
 * address, the least recently used closed when there are too many; an idle
 * channel costs a socket, a new one a round trip.
 */

export const PEER_CLIENTS_MAX = 64;

export type MeshClient = ClosableClient<typeof Mesh>;

export class PeerClients {
  readonly #tls: TlsCredentials | undefined;
  readonly #max: number;
  /** In order of last use. */
  readonly #clients = new Map<string, MeshClient>();

  constructor(tls: TlsCredentials | undefined, max = PEER_CLIENTS_MAX) {
    this.#tls = tls;
    this.#max = max;
  }

  at(address: string): MeshClient {
    let client = this.#clients.get(address);
    if (client === undefined) {
      client = createClient(Mesh, address, this.#tls?.client);
    } else this.#clients.delete(address);
    this.#clients.set(address, client);
    for (const [oldest, held] of this.#clients) {
      if (this.#clients.size <= this.#max) break;
      // Calls under way end with an error, and their callers have other peers to ask.
      held.close();
      this.#clients.delete(oldest);
    }
    return client;
  }

  get size(): number {
    return this.#clients.size;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
