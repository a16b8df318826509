import type { FunctionId } from '@popmesh/contracts';
import type { Rollout } from './api/schemas.ts';
import type { NodeView } from './mesh-view.ts';
import { allowsRegion } from './regions.ts';

/** How far a revision has come, node by node. Pure: from what the nodes announce. */

export function rolloutOf(
  target: {
    readonly function: FunctionId;
    readonly revision: bigint;
    readonly regions: readonly string[];
  },
  nodes: readonly NodeView[],
): Rollout {
  const concerned = nodes
    .filter(
      ({ announcement, member }) =>
        member !== 'left' && allowsRegion(target.regions, announcement.region),
    )
    .map((node) => ({
      id: node.announcement.id,
      pop: node.announcement.pop,
      ...stateOn(target, node),
    }));
  return {
    function: target.function,
    revision: target.revision.toString(),
    total: concerned.length,
    ready: concerned.filter(({ state }) => state === 'ready').length,
    nodes: concerned,
  };
}

function stateOn(
  target: { readonly function: FunctionId; readonly revision: bigint },
  { announcement, member }: NodeView,
): Pick<Rollout['nodes'][number], 'state' | 'code' | 'message'> {
  if (member === 'dead') return { state: 'unreachable' };
  const served = announcement.ready.find((ready) => ready.function === target.function);
  // A node that is ahead has this revision behind it: nothing is left to wait for.
  if (served !== undefined && served.revision >= target.revision) return { state: 'ready' };
  const failure = announcement.failures.find(
    (failed) => failed.function === target.function && failed.revision >= target.revision,
  );
  if (failure !== undefined) {
    return { state: 'failed', code: failure.code, message: failure.message };
  }
  return { state: member === 'suspect' ? 'unreachable' : 'pending' };
}
