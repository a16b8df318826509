import type { Logger } from '@popmesh/contracts';

/**
 * What is wrong with JetStream, for people: that a connection is there says nothing of a store
 * that is full, or of a stream without a leader. Each part says what it last met; a change is
 * logged once, however often it is met.
 */

/** In the order of importance: without a connection the others say nothing new. */
const PARTS = ['connection', 'comparison', 'records', 'chunks'] as const;
export type HealthPart = (typeof PARTS)[number];

export class Health {
  readonly #logger: Logger;
  readonly #onChanged: () => void;
  readonly #problems = new Map<HealthPart, string>();

  constructor(logger: Logger, onChanged: () => void) {
    this.#logger = logger;
    this.#onChanged = onChanged;
  }

  failed(part: HealthPart, problem: string): void {
    const before = this.#problems.get(part);
    const isNews = before === undefined;
    this.#problems.set(part, problem);
    // Of the connection every other reason is news: dialling is slow enough for that, and the first
    // reason is often only that the server restarts.
    if (isNews || (part === 'connection' && before !== problem)) this.#onChanged();
    // The driver tells of the connection by itself, with what it does about it.
    if (isNews && part !== 'connection')
      this.#logger.warn('JetStream is unwell', { part, problem });
  }

  works(part: HealthPart): void {
    if (!this.#problems.delete(part)) return;
    this.#onChanged();
    if (part !== 'connection') this.#logger.info('JetStream is well again', { part });
  }

  get problem(): string | undefined {
    for (const part of PARTS) {
      const problem = this.#problems.get(part);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
}
