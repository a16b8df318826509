import { PopmeshError } from '@popmesh/contracts';
import { type CallOptions, type ClosableClient, createClient, Mesh } from '@popmesh/protocol';
import { CLIENTS_MAX } from './limits.ts';
import type { GossipMethod, GossipRequest, GossipResponse, GossipTransport } from './transport.ts';

/** Of grpc-js, which only `protocol` imports. */
export type GrpcChannelCredentials = NonNullable<Parameters<typeof createClient>[2]>;

/**
 * Over gRPC, one kept-alive channel per address. A channel whose peer is gone is
 * thrown away at once: grpc-js would otherwise answer "unavailable" from its own
 * back-off for up to 2 s after the peer is back.
 */
export class GrpcGossipTransport implements GossipTransport {
  readonly #credentials: GrpcChannelCredentials | undefined;
  /** In order of last use. */
  readonly #clients = new Map<string, ClosableClient<typeof Mesh>>();
  #closed = false;

  constructor(credentials?: GrpcChannelCredentials) {
    this.#credentials = credentials;
  }

  get channels(): number {
    return this.#clients.size;
  }

  async call<M extends GossipMethod>(
    address: string,
    method: M,
    request: GossipRequest<M>,
    options: CallOptions,
  ): Promise<GossipResponse<M>> {
    const client = this.#client(address);
    const send = client[method] as (
      request: GossipRequest<M>,
      options: CallOptions,
    ) => Promise<GossipResponse<M>>;
    try {
      return await send(request, options);
    } catch (caught) {
      const error = PopmeshError.from(caught);
      if (error.code === 'peer_unavailable') this.#drop(address, client);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const [address, client] of this.#clients) this.#drop(address, client);
  }

  #client(address: string): ClosableClient<typeof Mesh> {
    if (this.#closed) throw new PopmeshError('unavailable', 'the gossip transport is closed');
    const held = this.#clients.get(address);
    const client = held ?? createClient(Mesh, address, this.#credentials);
    this.#clients.delete(address);
    this.#clients.set(address, client);
    for (const [oldest, unused] of this.#clients) {
      if (this.#clients.size <= CLIENTS_MAX) break;
      this.#drop(oldest, unused);
    }
    return client;
  }

  #drop(address: string, client: ClosableClient<typeof Mesh>): void {
    if (this.#clients.get(address) === client) this.#clients.delete(address);
    client.close();
  }
}
