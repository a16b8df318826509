import type { Random } from '@popmesh/contracts';
import { type Location, type RankedPop, rank } from '@popmesh/geo';
import type { NodeAnnouncement } from '@popmesh/protocol';
import type { FunctionEntry } from './directory.ts';
import { Endpoint, type NodeFacts } from './endpoint.ts';
import type { HealthTimes } from './endpoint-health.ts';
import type { NodeState } from './mesh-view.ts';

/**
 * Nodes, their data planes, and two caches that keep selection off the maths:
 * PoPs in order per client place, and data planes per function. Both hang on an
 * epoch that grows when places or readiness change; load reports do not touch it.
 */

/** Candidates of one function in one PoP. */
export interface PopCandidates {
  /** Ready at the newest revision that the directory knows. */
  readonly current: Endpoint[];
  /** Ready at an older one: last known good. */
  readonly older: Endpoint[];
}

export type Candidates = ReadonlyMap<string, PopCandidates>;

/** A client's place with its cached order of PoPs; shared by all clients there. */
export interface ClientPlace extends Location {
  readonly country: string | undefined;
  /** `latitude,longitude` as the function sees it. */
  readonly text: string;
  ranked: readonly RankedPop<NodeFacts>[];
  rankedEpoch: number;
}

export const clientPlace = (at: Location, country: string | undefined): ClientPlace => ({
  latitude: at.latitude,
  longitude: at.longitude,
  country,
  text: `${at.latitude},${at.longitude}`,
  ranked: [],
  rankedEpoch: -1,
});

export class Topology {
  readonly #times: HealthTimes;
  readonly #random: Random;
  readonly #onRetired: (endpoint: Endpoint) => void;
  readonly #nodes = new Map<string, { facts: NodeFacts; endpoints: Map<string, Endpoint> }>();
  readonly #candidates = new WeakMap<FunctionEntry, { epoch: number; candidates: Candidates }>();
  #epoch = 0;

  constructor(times: HealthTimes, random: Random, onRetired: (endpoint: Endpoint) => void) {
    this.#times = times;
    this.#random = random;
    this.#onRetired = onRetired;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  *endpoints(): Generator<Endpoint> {
    for (const { endpoints } of this.#nodes.values()) yield* endpoints.values();
  }

  apply({ announcement, member }: NodeState, now: number): void {
    const held = this.#nodes.get(announcement.id);
    const facts = toFacts(announcement, member === 'left');
    const endpoints = held?.endpoints ?? new Map<string, Endpoint>();
    let changed = held === undefined || !sameForRouting(held.facts, facts);
    const planes = new Map(announcement.dataPlanes.map((plane) => [plane.namespace, plane]));
    for (const [namespace, endpoint] of endpoints) {
      if (planes.get(namespace)?.address === endpoint.address) continue;
      endpoints.delete(namespace);
      this.#retire(endpoint);
      changed = true;
    }
    for (const { namespace, address } of planes.values()) {
      const endpoint = endpoints.get(namespace);
      if (endpoint === undefined) {
        endpoints.set(
          namespace,
          new Endpoint(facts, namespace, address, this.#times, this.#random),
        );
        changed = true;
        continue;
      }
      if (endpoint.node.startedAtMs !== facts.startedAtMs) endpoint.health.restarted();
      endpoint.node = facts;
      // Gossip is too slow to save a request and wrong now and then: its word starts a probe.
      if (member === 'dead') endpoint.health.suspect(now);
    }
    this.#nodes.set(announcement.id, { facts, endpoints });
    if (changed) this.#epoch += 1;
  }

  remove(id: string): void {
    const held = this.#nodes.get(id);
    if (held === undefined) return;
    this.#nodes.delete(id);
    for (const endpoint of held.endpoints.values()) this.#retire(endpoint);
    this.#epoch += 1;
  }

  /** PoPs from nearest to farthest for this place. */
  ranked(place: ClientPlace): readonly RankedPop<NodeFacts>[] {
    if (place.rankedEpoch !== this.#epoch) {
      place.ranked = rank(
        place,
        [...this.#nodes.values()].map(({ facts }) => facts),
      );
      place.rankedEpoch = this.#epoch;
    }
    return place.ranked;
  }

  candidates(entry: FunctionEntry): Candidates {
    const cached = this.#candidates.get(entry);
    if (cached?.epoch === this.#epoch) return cached.candidates;
    const candidates = new Map<string, PopCandidates>();
    for (const { facts, endpoints } of this.#nodes.values()) {
      const revision = facts.ready.get(entry.id);
      const endpoint = endpoints.get(entry.namespace);
      if (revision === undefined || endpoint === undefined) continue;
      if (entry.regions.length > 0 && !entry.regions.includes(facts.region)) continue;
      let pop = candidates.get(facts.pop);
      if (pop === undefined) {
        pop = { current: [], older: [] };
        candidates.set(facts.pop, pop);
      }
      (revision >= entry.revision ? pop.current : pop.older).push(endpoint);
    }
    this.#candidates.set(entry, { epoch: this.#epoch, candidates });
    return candidates;
  }

  #retire(endpoint: Endpoint): void {
    endpoint.retired = true;
    this.#onRetired(endpoint);
  }
}

const toFacts = (announcement: NodeAnnouncement, left: boolean): NodeFacts => ({
  id: announcement.id,
  pop: announcement.pop,
  region: announcement.region,
  latitude: announcement.latitude,
  longitude: announcement.longitude,
  lastResort: left || announcement.state !== 'ready',
  startedAtMs: announcement.startedAtMs,
  load: Math.min(1, Math.max(0, announcement.load || 0)),
  ready: new Map(announcement.ready.map((ready) => [ready.function, ready.revision])),
});

function sameForRouting(a: NodeFacts, b: NodeFacts): boolean {
  if (a.pop !== b.pop || a.region !== b.region) return false;
  if (a.latitude !== b.latitude || a.longitude !== b.longitude) return false;
  if (a.ready.size !== b.ready.size) return false;
  for (const [id, revision] of b.ready) if (a.ready.get(id) !== revision) return false;
  return true;
}
