import type { FunctionView } from '@popmesh/replication';

/** Where a function may run. Pure; an empty list means everywhere. */

export const allowsRegion = (regions: readonly string[], region: string): boolean =>
  regions.length === 0 || regions.includes(region);

/** It is enough that one live version may run there. */
export function allowedRegions(view: Pick<FunctionView, 'live'>): readonly string[] {
  const lists = view.live.map(({ version }) => version.config?.regions ?? []);
  return lists.some((regions) => regions.length === 0) ? [] : [...new Set(lists.flat())];
}
