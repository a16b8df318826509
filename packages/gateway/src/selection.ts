import type { Random } from '@popmesh/contracts';
import type { RankedPop } from '@popmesh/geo';
import type { Endpoint, NodeFacts } from './endpoint.ts';
import type { Candidates } from './topology.ts';

/**
 * Which data plane gets the next try. Sans-I/O.
 *
 * Nearest PoP first, then its region, then the world. In a PoP the better of
 * two random choices by load. A PoP that pushes back is left for a share of the
 * requests; when everybody pushes back, the one that does least is taken. Only
 * when nobody healthy is left are older revisions, then ejected, draining and unready
 * nodes tried (panic: a last resort costs nothing that was not lost already).
 *
 * Refused: Envoy's overprovisioning by counted health (1.4), because we know the
 * load of who is left and it does not.
 */

export type Route = 'nearest' | 'spill' | 'failover';

export interface Choice {
  readonly endpoint: Endpoint;
  readonly route: Route;
  /** How likely it was to be passed over; a retry towards a high one costs budget. */
  readonly shedShare: number;
}

export interface SelectionInput {
  readonly ranked: readonly RankedPop<NodeFacts>[];
  readonly candidates: Candidates;
  /** Already tried by this request. */
  readonly tried: readonly Endpoint[];
  readonly now: number;
  readonly random: Random;
  readonly inFlightMax: number;
}

export function choose(input: SelectionInput): Choice | undefined {
  return chooseHealthy(input, 'current') ?? chooseHealthy(input, 'older') ?? lastResort(input);
}

function chooseHealthy(input: SelectionInput, tier: 'current' | 'older'): Choice | undefined {
  const { ranked, candidates, now, random, inFlightMax } = input;
  let route: Route = 'nearest';
  let fallback: Choice | undefined;
  for (const { pop } of ranked) {
    const endpoints = candidates.get(pop)?.[tier];
    // Not ready there is not a failure: the nearest is the nearest of those that have it.
    if (endpoints === undefined || endpoints.length === 0) continue;
    const endpoint = pick(endpoints, input);
    if (endpoint === undefined) {
      if (route === 'nearest') route = whyNone(endpoints, input);
      continue;
    }
    const shedShare = endpoint.shedShare(now, inFlightMax);
    if (shedShare === 0 || random.float() >= shedShare) return { endpoint, route, shedShare };
    if (fallback === undefined || shedShare < fallback.shedShare) {
      fallback = { endpoint, route, shedShare };
    }
    if (route === 'nearest') route = 'spill';
  }
  return fallback;
}

const usable = (endpoint: Endpoint, { tried, inFlightMax }: SelectionInput): boolean =>
  endpoint.health.available &&
  !endpoint.node.lastResort &&
  endpoint.inFlight < inFlightMax &&
  !tried.includes(endpoint);

/** Power of two choices among the usable ones. */
function pick(endpoints: readonly Endpoint[], input: SelectionInput): Endpoint | undefined {
  const length = endpoints.length;
  if (length === 1) {
    const only = endpoints[0] as Endpoint;
    return usable(only, input) ? only : undefined;
  }
  const start = length > 1 ? input.random.integer(length) : 0;
  let first: Endpoint | undefined;
  for (let i = 0; i < length; i++) {
    const endpoint = endpoints[(start + i) % length] as Endpoint;
    if (!usable(endpoint, input)) continue;
    if (first === undefined) first = endpoint;
    else return endpoint.score < first.score ? endpoint : first;
  }
  return first;
}

/** Why a PoP was left without a try. Where this request tried it, the caller knows better. */
function whyNone(endpoints: readonly Endpoint[], input: SelectionInput): Route {
  let tried = false;
  for (const endpoint of endpoints) {
    if (input.tried.includes(endpoint)) tried = true;
    else if (endpoint.health.available && !endpoint.node.lastResort) return 'spill';
  }
  return tried ? 'nearest' : 'failover';
}

/**
 * Untried, nearest first: ejected ones, then those that drain or are not ready. Full ones stay out: that
 * is overload. So do those that a probe found dead, or "all down" would hang.
 */
function lastResort({
  ranked,
  candidates,
  tried,
  inFlightMax,
}: SelectionInput): Choice | undefined {
  for (const isLast of [false, true]) {
    for (const { pop } of ranked) {
      const here = candidates.get(pop);
      if (here === undefined) continue;
      for (const endpoint of [...here.current, ...here.older]) {
        if (endpoint.node.lastResort !== isLast || endpoint.inFlight >= inFlightMax) continue;
        if (endpoint.health.confirmedDown) continue;
        if (!tried.includes(endpoint)) return { endpoint, route: 'failover', shedShare: 0 };
      }
    }
  }
  return undefined;
}
