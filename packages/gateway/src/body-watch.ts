import { PopmeshError } from '@popmesh/contracts';
import type { LimitsConfig } from './config.ts';
import type { Traffic } from './traffic.ts';

/**
 * Looks after all request bodies that are on their way: which of them have waited long enough
 * to go to a node without being whole, and which come too slowly. One look for all of them,
 * from the timer that the watchdog has anyway.
 *
 * The least rate is a credit of time: it starts at `bodyIdleMs`, time in which the client could
 * send takes from it, bytes give back. So a pause is allowed, a trickle is not, and what came
 * fast long ago buys nothing. Time in which we do not read is not the client's.
 */

export interface WatchedBody {
  readonly since: number;
  mayGoEarly(): boolean;
  /** False when there is no place for it: it is asked again later. */
  goEarly(): boolean;
  spend(ms: number, msPerByte: number, idleMs: number): boolean;
  tooSlow(error: PopmeshError): void;
}

const RATE_EVERY_MS = 500;
/** A look that comes late is our fault, not the clients'. */
const SPENT_MS_MAX = 1_000;

export class BodyWatch {
  readonly #config: { readonly limits: LimitsConfig };
  readonly #traffic: Traffic;
  /** Oldest first. */
  readonly #bodies = new Set<WatchedBody>();
  /** Those that were not yet old enough to go early, oldest first. */
  readonly #young = new Set<WatchedBody>();
  #lookedAt: number | undefined;

  constructor(config: { readonly limits: LimitsConfig }, traffic: Traffic) {
    this.#config = config;
    this.#traffic = traffic;
  }

  get idleMs(): number {
    return this.#config.limits.bodyIdleMs;
  }

  add(body: WatchedBody): void {
    this.#bodies.add(body);
    this.#young.add(body);
  }

  delete(body: WatchedBody): void {
    this.#bodies.delete(body);
    this.#young.delete(body);
  }

  sweep(now: number): void {
    const { earlyAfterMs } = this.#config.limits;
    for (const body of this.#young) {
      if (now - body.since < earlyAfterMs) break;
      this.#young.delete(body);
      if (body.mayGoEarly()) body.goEarly();
    }
    this.#lookedAt ??= now;
    if (now - this.#lookedAt < RATE_EVERY_MS) return;
    const spentMs = Math.min(now - this.#lookedAt, SPENT_MS_MAX);
    this.#lookedAt = now;
    this.#look(spentMs);
  }

  #look(spentMs: number): void {
    const { bodyIdleMs, bodyBytesPerSecondMin } = this.#config.limits;
    const msPerByte = 1_000 / bodyBytesPerSecondMin;
    for (const body of this.#bodies) {
      if (!body.spend(spentMs, msPerByte, bodyIdleMs)) {
        this.#traffic.refused('slow_body');
        body.tooSlow(tooSlow(bodyIdleMs, bodyBytesPerSecondMin));
      } else if (!this.#young.has(body) && body.mayGoEarly()) body.goEarly();
    }
  }
}

const tooSlow = (idleMs: number, bytesPerSecondMin: number): PopmeshError =>
  new PopmeshError('request_too_slow', 'the request body came too slowly', {
    hint: 'A body may pause, but must come at the least rate of this gateway until its answer begins.',
    details: { limit: 'body_bytes_per_second_min', bytesPerSecondMin, idleMs },
  });
