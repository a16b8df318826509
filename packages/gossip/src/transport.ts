import type { CallOptions, Mesh, ServiceClient, ServiceHandlers } from '@popmesh/protocol';

/** The part of the Mesh service that gossip speaks. */
export type GossipMethod = 'ping' | 'pingIndirect' | 'push' | 'sync';
export type GossipHandlers = Pick<ServiceHandlers<typeof Mesh>, GossipMethod>;
type Calls = ServiceClient<typeof Mesh>;
export type GossipRequest<M extends GossipMethod> = Parameters<Calls[M]>[0];
export type GossipResponse<M extends GossipMethod> = Awaited<ReturnType<Calls[M]>>;

/**
 * Gossip's one door to the network. At most once, unordered; a call ends within
 * its time-out in an answer or a `PopmeshError`: `peer_unavailable` when nobody
 * is there, `deadline_exceeded` when nobody answered.
 */
export interface GossipTransport {
  call<M extends GossipMethod>(
    address: string,
    method: M,
    request: GossipRequest<M>,
    options: CallOptions,
  ): Promise<GossipResponse<M>>;
  /** Frees all connections; calls after it are refused. */
  close(): Promise<void>;
}
