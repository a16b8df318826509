import { type FunctionId, revisionTimeMs } from '@popmesh/contracts';
import type { FunctionNotice } from '@popmesh/protocol';
import type { Rollout } from './api/schemas.ts';
import type { NodeView } from './mesh-view.ts';
import { allowsRegion } from './regions.ts';

/** How far a revision has come, node by node. Pure: from what the nodes announce. */

interface Target {
  readonly function: FunctionId;
  readonly revision: bigint;
  readonly regions: readonly string[];
  readonly notices: readonly FunctionNotice[];
}

export function rolloutOf(target: Target, nodes: readonly NodeView[]): Rollout {
  const undone = target.notices.find(
    ({ kind, revision }) => kind === 'rolled_back' && revision === target.revision,
  );
  const concerned = nodes
    .filter(
      ({ announcement, member }) =>
        member !== 'left' && allowsRegion(target.regions, announcement.region),
    )
    .map((node) => ({
      id: node.announcement.id,
      pop: node.announcement.pop,
      ...stateOn(target, node, undone),
    }));
  return {
    function: target.function,
    revision: target.revision.toString(),
    total: concerned.length,
    ready: concerned.filter(({ state }) => state === 'ready').length,
    nodes: concerned,
    ...(undone === undefined ? {} : { undone: undone.message }),
    warnings: target.notices
      .filter(
        (notice) => notice !== undone && Number(notice.timeMs) >= revisionTimeMs(target.revision),
      )
      .map(({ message }) => message),
  };
}

function stateOn(
  target: Target,
  { announcement, member }: NodeView,
  undone: FunctionNotice | undefined,
): Pick<Rollout['nodes'][number], 'state' | 'code' | 'message' | 'servesVersion'> {
  if (member === 'dead') return { state: 'unreachable' };
  // What is served afterwards is newer, and not what was asked for.
  if (undone !== undefined) return { state: 'failed', code: undone.code, message: undone.message };
  const served = announcement.ready.find((ready) => ready.function === target.function);
  // A node that is ahead has this revision behind it: nothing is left to wait for.
  if (served !== undefined && served.revision >= target.revision) return { state: 'ready' };
  const failure = announcement.failures.find(
    (failed) => failed.function === target.function && failed.revision >= target.revision,
  );
  if (failure !== undefined) {
    const { code, message } = failure;
    const older = served?.fallbackVersion ?? 0;
    return { state: 'failed', code, message, ...(older === 0 ? {} : { servesVersion: older }) };
  }
  return { state: member === 'suspect' ? 'unreachable' : 'pending' };
}
