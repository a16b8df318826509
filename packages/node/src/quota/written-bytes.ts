import type { Clock } from '@popmesh/contracts';

/**
 * New bytes that namespaces had this node store lately. What a new version takes the place of goes
 * from the quota at once, but stays on every disk until unused chunks are collected, an hour later:
 * a tenant of 5 MB that deployed one function again and again filled the store, and nobody could
 * deploy. Held by the node that accepts, and forgotten over a restart, as a bound on what fills a
 * mesh and not a bill. Refused: to collect sooner, for a node may be about to fetch what is there.
 */

/** Adds up by so much time, so that a namespace has few rows. */
const STEP_MS = 60_000;

export class WrittenBytes {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #keptMs: number;
  /** By namespace and step, oldest first. */
  readonly #rows = new Map<string, Map<number, number>>();

  /** `keptMs`: how long at most something stays that is unused. */
  constructor(clock: Pick<Clock, 'monotonic'>, keptMs: number) {
    this.#clock = clock;
    this.#keptMs = keptMs;
  }

  of(namespace: string): number {
    this.#forget();
    const steps = this.#rows.get(namespace)?.values() ?? [];
    return [...steps].reduce((sum, bytes) => sum + bytes, 0);
  }

  add(namespace: string, bytes: number): void {
    if (bytes === 0) return;
    const step = Math.floor(this.#clock.monotonic() / STEP_MS);
    const steps = this.#rows.get(namespace) ?? new Map<number, number>();
    steps.set(step, (steps.get(step) ?? 0) + bytes);
    this.#rows.set(namespace, steps);
  }

  #forget(): void {
    const before = Math.floor((this.#clock.monotonic() - this.#keptMs) / STEP_MS);
    for (const [namespace, steps] of this.#rows) {
      for (const step of steps.keys()) if (step < before) steps.delete(step);
      if (steps.size === 0) this.#rows.delete(namespace);
    }
  }
}
