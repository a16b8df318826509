import type { Status } from './api/schemas.ts';
import type { GatewayView, NodeView, PeerState } from './mesh-view.ts';

/** The mesh as one node sees it. Pure. */

/** What a node says of itself counts only while the others hear it. */
const stateOf = (announced: string, member: PeerState): string =>
  member === 'alive' ? announced : member;

export function statusOf(parts: {
  readonly selfId: string;
  readonly nodes: readonly NodeView[];
  readonly gateways: readonly GatewayView[];
  readonly nats: Status['nats'];
  readonly functions: number;
}): Status {
  return {
    node: parts.selfId,
    nodes: parts.nodes.map(({ announcement, member }) => ({
      id: announcement.id,
      pop: announcement.pop,
      popName: announcement.popName,
      region: announcement.region,
      location: { lat: announcement.latitude, lon: announcement.longitude },
      state: stateOf(announcement.state, member),
      pid: announcement.pid,
      functionsReady: announcement.ready.length,
      load: announcement.load,
      apiAddress: announcement.apiAddress,
      meshAddress: announcement.meshAddress,
      dataPlanes: announcement.dataPlanes.map(({ namespace, address }) => ({ namespace, address })),
      startedAtMs: Number(announcement.startedAtMs),
      version: announcement.softwareVersion,
    })),
    gateways: parts.gateways.map(({ announcement, member }) => ({
      id: announcement.id,
      address: announcement.address,
      state: stateOf(announcement.state, member),
      pid: announcement.pid,
      location: { lat: announcement.latitude, lon: announcement.longitude },
      startedAtMs: Number(announcement.startedAtMs),
    })),
    nats: parts.nats,
    functions: parts.functions,
  };
}
