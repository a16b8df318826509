import type { NodeAnnouncement } from '@popmesh/protocol';
import type { Viewer } from './api/control.ts';
import type { Status } from './api/schemas.ts';
import type { GatewayView, NodeView, PeerState } from './mesh-view.ts';

/**
 * The mesh as one node sees it. Pure. A tenant sees how the members are, what of its own runs
 * where, and the gateways it is reached by; names of other tenants, process ids and the addresses
 * of the mesh are for operators.
 */

/** What a node says of itself counts only while the others hear it. */
const stateOf = (announced: string, member: PeerState): string =>
  member === 'alive' ? announced : member;

export function statusOf(parts: {
  readonly selfId: string;
  readonly nodes: readonly NodeView[];
  readonly gateways: readonly GatewayView[];
  readonly nats: Status['nats'];
  readonly functions: number;
  readonly viewer: Viewer;
}): Status {
  const { viewer } = parts;
  const ofOperators = <T extends object>(facts: T): Partial<T> => (viewer.seesAll ? facts : {});
  return {
    node: parts.selfId,
    nodes: parts.nodes.map(({ announcement, member }) => ({
      id: announcement.id,
      pop: announcement.pop,
      popName: announcement.popName,
      region: announcement.region,
      location: { lat: announcement.latitude, lon: announcement.longitude },
      state: stateOf(announcement.state, member),
      ...ofOperators({
        pid: announcement.pid,
        apiAddress: announcement.apiAddress,
        meshAddress: announcement.meshAddress,
      }),
      functionsReady: announcement.ready.filter(({ function: id }) =>
        viewer.maySee(id.split('/')[0] ?? ''),
      ).length,
      load: announcement.load,
      dataPlanes: announcement.dataPlanes
        .filter(({ namespace }) => viewer.maySee(namespace))
        .map(({ namespace, address }) => ({ namespace, address })),
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
      ...ofOperators({ pid: announcement.pid }),
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
  const storage = nodes.flatMap(({ announcement: { id, storageProblem }, member }) =>
    member === 'alive' && storageProblem !== '' ? [`node ${id}: ${storageProblem}`] : [],
  );
  const elsewhere = nodes.flatMap(({ announcement, member }) =>
    member === 'alive' && announcement.id !== selfId && announcement.natsProblem !== ''
      ? [`node ${announcement.id}: ${announcement.natsProblem}`]
      : [],
  );
  return [
    ...ofMembers('node', nodes),
    ...ofMembers('gateway', gateways),
    ...storage,
    ...(nats.problem === undefined ? [] : [`node ${selfId}: ${nats.problem}`]),
    ...elsewhere,
  ];
}
