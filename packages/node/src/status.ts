import type { NodeAnnouncement } from '@popmesh/protocol';
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
      ...(announcement.notReadyReason === ''
        ? {}
        : { notReadyReason: announcement.notReadyReason }),
      ...(announcement.clockAheadMs === 0n
        ? {}
        : { clockAheadMs: Number(announcement.clockAheadMs) }),
      ...(announcement.cgroup === '' ? {} : { cgroup: announcement.cgroup }),
    })),
    gateways: parts.gateways.map(({ announcement, member }) => ({
      id: announcement.id,
      address: announcement.address,
      state: stateOf(announcement.state, member),
      pid: announcement.pid,
      location: { lat: announcement.latitude, lon: announcement.longitude },
      startedAtMs: Number(announcement.startedAtMs),
      version: announcement.softwareVersion,
      ...(announcement.domain === '' ? {} : { domain: announcement.domain }),
    })),
    nats: parts.nats,
    functions: parts.functions,
    problems: problemsOf(parts),
  };
}

/**
 * What an operator should look at, a sentence each. A suspect member is none yet: it is dead or
 * back within seconds. One that left said good-bye.
 */
function problemsOf(parts: {
  readonly selfId: string;
  readonly nodes: readonly NodeView[];
  readonly gateways: readonly GatewayView[];
  readonly nats: Status['nats'];
}): string[] {
  const { selfId, nodes, gateways, nats } = parts;
  const ofMembers = (
    kind: string,
    views: readonly {
      readonly announcement: Pick<NodeAnnouncement, 'id' | 'state' | 'notReadyReason'>;
      readonly member: PeerState;
    }[],
  ): string[] =>
    views.flatMap(({ announcement: { id, state, notReadyReason: reason }, member }) => {
      if (member === 'dead') return [`${kind} ${id} is dead`];
      if (member !== 'alive' || state === 'ready') return [];
      return [`${kind} ${id} is ${state}${reason === '' ? '' : `: ${reason}`}`];
    });
  const elsewhere = nodes.flatMap(({ announcement, member }) =>
    member === 'alive' && announcement.id !== selfId && announcement.natsProblem !== ''
      ? [`node ${announcement.id}: ${announcement.natsProblem}`]
      : [],
  );
  return [
    ...ofMembers('node', nodes),
    ...ofMembers('gateway', gateways),
    ...(nats.problem === undefined ? [] : [`node ${selfId}: ${nats.problem}`]),
    ...elsewhere,
  ];
}
