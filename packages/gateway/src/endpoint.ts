import type { Random } from '@popmesh/contracts';
import { EndpointHealth, type HealthTimes } from './endpoint-health.ts';
import { Pressure, spillShare } from './pressure.ts';

/** What selection and forwarding know of one node. Replaced as a whole when it announces again. */
export interface NodeFacts {
  readonly id: string;
  readonly pop: string;
  readonly region: string;
  readonly latitude: number;
  readonly longitude: number;
  /** Draining, gone, or by its own word not ready: only where nothing else is left. */
  readonly lastResort: boolean;
  readonly startedAtMs: bigint;
  readonly load: number;
  /** Function id to the newest revision that is ready there. */
  readonly ready: ReadonlyMap<string, bigint>;
}

/** A request that waits for response headers; `T` is forwarding's own. */
export interface Waiting {
  readonly startedAt: number;
  /** The overall deadline of its request passed. */
  expire(now: number): void;
  /** Its endpoint was found dead: go elsewhere where that is safe. */
  abandon(): void;
}

/**
 * One data plane: the executor of one namespace on one node. Health, load and
 * connections are per data plane, because an executor can die alone.
 */
export class Endpoint {
  readonly namespace: string;
  readonly address: string;
  readonly health: EndpointHealth;
  readonly pressure = new Pressure();
  /** Oldest first (a Set keeps insertion order). */
  readonly waiting = new Set<Waiting>();
  node: NodeFacts;
  /** Gone from the announcement; only finishes what it has. */
  retired = false;
  inFlight = 0;
  probing = false;

  constructor(
    node: NodeFacts,
    namespace: string,
    address: string,
    times: HealthTimes,
    random: Random,
  ) {
    this.node = node;
    this.namespace = namespace;
    this.address = address;
    this.health = new EndpointHealth(times, random);
  }

  /** Share of the requests that should go elsewhere. */
  shedShare(now: number, inFlightMax: number): number {
    const utilisation = Math.max(this.node.load, this.inFlight / inFlightMax);
    return Math.max(this.pressure.read(now), spillShare(utilisation));
  }

  /** For choosing among two: own requests in flight, weighted by what the node says of itself. */
  get score(): number {
    return (this.inFlight + 1) * (1 + this.node.load);
  }
}
