import { distanceKm, estimateRoundTripMs, type Location } from './location.ts';

/**
 * The order in which a client's PoPs are worth trying: the nearest one, then
 * the others of its region, then the world. Region before distance on purpose:
 * spilling stays among places that share cables, law and operators (the design's
 * local, regional, global). Pure: same input, same order, whatever the input's order.
 */

/** Anything that stands in a PoP: a PoP itself, a node, a test's literal. */
export interface Placed extends Location {
  readonly pop: string;
  /** Empty when the operator named none; then nearness makes the region. */
  readonly region: string;
}

/** 0 the nearest PoP, 1 its region, 2 the world. */
export type Ring = 0 | 1 | 2;

export interface RankedPop<T extends Placed> {
  readonly pop: string;
  readonly region: string;
  readonly ring: Ring;
  readonly distanceKm: number;
  readonly roundTripMs: number;
  /** In the order given. */
  readonly members: readonly T[];
}

export interface RankOptions {
  /** A PoP without a region counts as regional within this distance of the nearest PoP. */
  readonly sameRegionKm?: number;
}

const SAME_REGION_KM = 1500;

export function rank<T extends Placed>(
  client: Location,
  candidates: readonly T[],
  options: RankOptions = {},
): RankedPop<T>[] {
  const byPop = new Map<string, { first: T; km: number; members: T[] }>();
  for (const candidate of candidates) {
    const held = byPop.get(candidate.pop);
    if (held === undefined) {
      byPop.set(candidate.pop, {
        first: candidate,
        km: distanceKm(client, candidate),
        members: [candidate],
      });
    } else {
      held.members.push(candidate);
      // Nodes of one PoP may disagree by a street; the nearest word stands, in any order.
      const km = distanceKm(client, candidate);
      if (km < held.km || (km === held.km && before(candidate, held.first))) {
        held.first = candidate;
        held.km = km;
      }
    }
  }
  const pops = [...byPop].sort(
    ([codeA, a], [codeB, b]) => a.km - b.km || (codeA < codeB ? -1 : codeA > codeB ? 1 : 0),
  );
  const nearest = pops[0]?.[1].first;
  if (nearest === undefined) return [];
  const sameRegionKm = options.sameRegionKm ?? SAME_REGION_KM;
  const ranked = pops.map(([pop, { first, km, members }], index): RankedPop<T> => {
    const regional =
      first.region !== '' && nearest.region !== ''
        ? first.region === nearest.region
        : distanceKm(first, nearest) <= sameRegionKm;
    return {
      pop,
      region: first.region,
      ring: index === 0 ? 0 : regional ? 1 : 2,
      distanceKm: km,
      roundTripMs: estimateRoundTripMs(km),
      members,
    };
  });
  // Stable, so distance still orders each ring.
  return ranked.sort((a, b) => a.ring - b.ring);
}

const before = (a: Placed, b: Placed): boolean =>
  a.region !== b.region
    ? a.region < b.region
    : a.latitude !== b.latitude
      ? a.latitude < b.latitude
      : a.longitude < b.longitude;
