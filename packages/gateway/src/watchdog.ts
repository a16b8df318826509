import type { Clock, Logger, Timer } from '@popmesh/contracts';
import { distanceKm, estimateRoundTripMs, type Location } from '@popmesh/geo';
import type { BodyWatch } from './body-watch.ts';
import type { HealthConfig } from './config.ts';
import type { Endpoint } from './endpoint.ts';
import type { ProbeOutcome } from './endpoint-health.ts';
import type { Ledger } from './ledger.ts';
import type { Probe } from './probe.ts';
import type { Topology } from './topology.ts';
import type { Traffic } from './traffic.ts';

/**
 * One timer for all deadlines and all probes. A node that is frozen or cut off
 * accepts connections and says nothing; waiting out every request's deadline on
 * it would be seconds. So a request without answer for a moment makes its node
 * suspect, the node itself is probed, and only if it is silent too do its waiting
 * requests go elsewhere. A slow function on a healthy node is left alone, which
 * a plain per-try timeout would have executed again.
 */

export interface WatchdogOptions {
  readonly config: HealthConfig;
  readonly topology: Topology;
  readonly traffic: Traffic;
  readonly probe: Probe;
  readonly home: Location;
  /** What is looked after at the same times. */
  readonly bodies: BodyWatch;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
}

const SWEEP_MS = 40;
const FLUSH_MS = 1_000;
/** Nobody waits for the probe of an ejected one, so it may be patient. */
const EJECTED_PROBE_PATIENCE_MS = 1_000;
/** How much our own lateness adds to what we grant others (as Lifeguard does in gossip). */
const OWN_LAG_WEIGHT = 2;
/** Lateness is forgotten by a tenth per sweep: half of it in 0.3 s. */
const LAG_KEPT = 0.9;
/** A suspect is condemned by two silent probes: one lost packet is not a death. */
const SUSPECT_PROBES = 2;

export class Watchdog {
  readonly #options: WatchdogOptions;
  /** Gone from the directory, with requests still running. */
  readonly #retired = new Set<Endpoint>();
  readonly #probedAt = new WeakMap<Endpoint, number>();
  #timer: Timer | undefined;
  #flushedAt = 0;
  #lagMs = 0;
  #stopped = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  start(): void {
    let due = this.#options.clock.monotonic();
    const run = (): void => {
      if (this.#stopped) return;
      const now = this.#options.clock.monotonic();
      this.#lagMs = Math.max(now - due, this.#lagMs * LAG_KEPT);
      due = now + SWEEP_MS;
      this.#sweep(now);
      this.#timer = this.#options.clock.setTimer(SWEEP_MS, run);
    };
    run();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#options.traffic.flush();
  }

  retire(endpoint: Endpoint): void {
    this.#retired.add(endpoint);
  }

  #sweep(now: number): void {
    const { topology, traffic, bodies, ledger } = this.#options;
    bodies.sweep(now);
    for (const endpoint of topology.endpoints()) this.#check(endpoint, now);
    for (const endpoint of this.#retired) {
      this.#expire(endpoint, now);
      if (endpoint.inFlight === 0) this.#retired.delete(endpoint);
    }
    if (now - this.#flushedAt >= FLUSH_MS) {
      this.#flushedAt = now;
      traffic.flush();
      ledger.sweep();
    }
  }

  #check(endpoint: Endpoint, now: number): void {
    this.#expire(endpoint, now);
    const { health, waiting } = endpoint;
    if (endpoint.probing) return;
    if (health.state === 'healthy' && waiting.size > 0) {
      const suspectAfter =
        this.#options.config.suspectAfterMs + this.#roundTripMs(endpoint) + this.#lagMs;
      const [oldest] = waiting;
      const quietSince = Math.max(oldest?.startedAt ?? now, this.#probedAt.get(endpoint) ?? 0);
      if (now - quietSince >= suspectAfter) health.suspect(now);
    }
    const due = health.nextProbeAt;
    if (due !== undefined && now >= due) void this.#probe(endpoint);
  }

  #expire(endpoint: Endpoint, now: number): void {
    for (const waiting of endpoint.waiting) waiting.expire(now);
  }

  async #probe(endpoint: Endpoint): Promise<void> {
    const { clock, traffic, logger } = this.#options;
    endpoint.probing = true;
    const outcome = await this.#ask(endpoint);
    endpoint.probing = false;
    if (this.#stopped) return;
    const now = clock.monotonic();
    this.#probedAt.set(endpoint, now);
    const before = endpoint.health.state;
    endpoint.health.probed(outcome, now);
    const after = endpoint.health.state;
    if (before !== after && !(before === 'suspect' && after === 'healthy')) {
      const fields = { node: endpoint.node.id, namespace: endpoint.namespace, outcome };
      if (after === 'ejected') traffic.ejections += 1;
      logger.info(`data plane ${endpoint.address} is ${after}`, fields);
    }
    if (after !== 'ejected' || outcome === 'slow') return;
    // In a copy: each one that leaves takes itself out of the set.
    for (const waiting of [...endpoint.waiting]) waiting.abandon();
  }

  async #ask(endpoint: Endpoint): Promise<ProbeOutcome> {
    const { config, clock, probe } = this.#options;
    const hurriedMs =
      config.probeTimeoutMs + 2 * this.#roundTripMs(endpoint) + OWN_LAG_WEIGHT * this.#lagMs;
    if (endpoint.health.state === 'suspect') {
      const first = await probe(endpoint.address, hurriedMs);
      return first === 'silent' ? probe(endpoint.address, hurriedMs) : first;
    }
    const at = clock.monotonic();
    const result = await probe(endpoint.address, hurriedMs + EJECTED_PROBE_PATIENCE_MS);
    const late = clock.monotonic() - at > SUSPECT_PROBES * hurriedMs;
    return result === 'alive' && late ? 'slow' : result;
  }

  #roundTripMs(endpoint: Endpoint): number {
    return estimateRoundTripMs(distanceKm(this.#options.home, endpoint.node));
  }
}
