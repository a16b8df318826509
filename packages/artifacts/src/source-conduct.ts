import { SOURCES_REMEMBERED_MAX } from './limits.ts';

/**
 * Who may be asked, and in which order. A source that sent wrong bytes
 * `strikesMax` times is benched; one that failed to answer is asked last for a
 * while. No I/O, no clock: the caller says what time it is.
 */

interface Conduct {
  strikes: number;
  benchedUntilMs: number;
  coolUntilMs: number;
}

export interface ConductLimits {
  readonly strikesMax: number;
  readonly benchMs: number;
  readonly coolMs: number;
}

export class SourceConduct {
  readonly #limits: ConductLimits;
  readonly #conduct = new Map<string, Conduct>();

  constructor(limits: ConductLimits) {
    this.#limits = limits;
  }

  /** Without the benched; the cooling ones last; otherwise as given (nearest first). */
  order<S extends { readonly id: string }>(sources: readonly S[], nowMs: number): S[] {
    const ready: S[] = [];
    const cooling: S[] = [];
    for (const source of sources) {
      const conduct = this.#conduct.get(source.id);
      if (conduct !== undefined && conduct.benchedUntilMs > nowMs) continue;
      (conduct !== undefined && conduct.coolUntilMs > nowMs ? cooling : ready).push(source);
    }
    return [...ready, ...cooling];
  }

  /** Wrong bytes. Returns whether the source is benched by this. */
  lied(id: string, nowMs: number): boolean {
    const conduct = this.#of(id);
    conduct.strikes++;
    if (conduct.strikes < this.#limits.strikesMax) return false;
    conduct.strikes = 0;
    conduct.benchedUntilMs = nowMs + this.#limits.benchMs;
    return true;
  }

  /** No answer, or an error. */
  failed(id: string, nowMs: number): void {
    this.#of(id).coolUntilMs = nowMs + this.#limits.coolMs;
  }

  /** Good bytes end the cooling; strikes stay, or a liar could alternate. */
  served(id: string): void {
    const conduct = this.#conduct.get(id);
    if (conduct !== undefined) conduct.coolUntilMs = 0;
  }

  #of(id: string): Conduct {
    const conduct = this.#conduct.get(id) ?? { strikes: 0, benchedUntilMs: 0, coolUntilMs: 0 };
    this.#conduct.delete(id);
    this.#conduct.set(id, conduct);
    if (this.#conduct.size > SOURCES_REMEMBERED_MAX) {
      const oldest = this.#conduct.keys().next().value;
      if (oldest !== undefined) this.#conduct.delete(oldest);
    }
    return conduct;
  }
}
