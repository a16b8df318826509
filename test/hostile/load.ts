/** Requests beside the hostile ones: neighbours that must not notice. */
import type { Target } from './subject.ts';

/** Often enough to notice a pause, and few enough to leave the machine to what is measured. */
const PAUSE_MS = 12;

export interface Failure {
  readonly what: string;
  readonly atMs: number;
}

export class Neighbour {
  readonly id: string;
  readonly failures: Failure[] = [];
  count = 0;
  #latenciesMs: number[] = [];
  #going = true;
  readonly #done: Promise<void>;

  constructor(target: Target) {
    this.id = target.id;
    this.#done = this.#ask(target);
  }

  /** The latencies since the last look. */
  take(): number[] {
    return this.#latenciesMs.splice(0);
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#done;
  }

  async #ask(target: Target): Promise<void> {
    while (this.#going) {
      const startedMs = performance.now();
      try {
        const { status, text, code } = await target.call('/');
        if (status !== 200 || text !== 'hello')
          this.failures.push({ what: `${status} ${code}`, atMs: startedMs });
      } catch (error) {
        this.failures.push({ what: String(error), atMs: startedMs });
      }
      this.count++;
      this.#latenciesMs.push(performance.now() - startedMs);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
