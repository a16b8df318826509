import { ERROR_CODES, isErrorCode, revisionTimeMs } from '@popmesh/contracts';
import type { FunctionView } from '@popmesh/replication';
import type { NodeView } from './mesh-view.ts';
import { allowedRegions, allowsRegion } from './regions.ts';

/**
 * Whether what is live can be made ready nowhere, and what should be live then. Pure. A node
 * that is not sure (suspect, still working, or trying again by itself) keeps it as it is: a
 * version that works somewhere is not taken back because a few nodes cannot run it. So does one
 * that is away and served it, for as long as its announcement is kept: a restart of the only node
 * that can run a version would else switch it off for good. Nor is a change of long ago taken
 * back: nodes that cannot run it serve an older version by themselves.
 */

/** Shorter than announcements of the dead are kept. */
export const GOING_BACK_MS_MAX = 300_000;

export interface Verdict {
  readonly from: bigint;
  readonly to: number | undefined;
  readonly code: string;
  readonly message: string;
  /** Who decides, first to last: the node that accepted the change, then the others by id. */
  readonly deciders: readonly string[];
}

export function failedEverywhere(
  view: FunctionView,
  nodes: readonly NodeView[],
  nowMs: number,
): Verdict | undefined {
  if (view.live.length === 0) return undefined;
  if (nowMs - revisionTimeMs(view.changedRevision) > GOING_BACK_MS_MAX) return undefined;
  const alive = nodes.filter(({ member }) => member === 'alive' || member === 'suspect');
  const regions = allowedRegions(view);
  const allowed = nodes.filter(({ announcement }) => allowsRegion(regions, announcement.region));
  if (allowed.some(({ announcement }) => serves(announcement, view))) return undefined;
  const concerned = allowed.filter(
    (node) => alive.includes(node) && node.announcement.state !== 'draining',
  );
  const failures = concerned.flatMap((node) => {
    const failure = node.announcement.failures.find(
      (failed) => failed.function === view.id && failed.revision === view.revision,
    );
    const isSure =
      node.member === 'alive' &&
      failure !== undefined &&
      (failure.lasting || isFinal(failure.code));
    return isSure ? [{ id: node.announcement.id, ...failure }] : [];
  });
  const [first] = failures;
  if (first === undefined || failures.length < concerned.length) return undefined;
  const to = targetOf(view, concerned);
  const what = view.live.map(({ version }) => version.number).join(' and ');
  const then =
    to === undefined ? 'There is no older one, so none is live.' : `Version ${to} is live again.`;
  return {
    from: view.changedRevision,
    to,
    code: first.code,
    message: `No node could make version ${what} ready (${first.id}: ${first.message}). ${then}`,
    deciders: [
      view.changedBy,
      ...alive
        .map(({ announcement }) => announcement.id)
        .filter((id) => id !== view.changedBy)
        .sort(),
    ],
  };
}

/** By its last words, the live version and no older one in its place. */
const serves = ({ ready }: NodeView['announcement'], view: FunctionView): boolean =>
  ready.some(
    ({ function: id, revision, fallbackVersion }) =>
      id === view.id && revision === view.revision && fallbackVersion === 0,
  );

/** What most likely works: an older version that some node serves now, else the one before. */
function targetOf(view: FunctionView, nodes: readonly NodeView[]): number | undefined {
  const live = view.live.map(({ version }) => version.number);
  const kept = view.versions.map(({ number }) => number).filter((it) => !live.includes(it));
  const served = nodes.flatMap(({ announcement }) =>
    announcement.ready
      .filter((ready) => ready.function === view.id && kept.includes(ready.fallbackVersion))
      .map(({ fallbackVersion }) => fallbackVersion),
  );
  const before = kept.filter((number) => number < Math.min(...live));
  const candidates = served.length > 0 ? served : before;
  return candidates.length === 0 ? undefined : Math.max(...candidates);
}

const isFinal = (code: string): boolean => isErrorCode(code) && !ERROR_CODES[code].retryable;
