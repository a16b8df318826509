import type { Clock, Random } from '@popmesh/contracts';

/**
 * Messages between addresses, with the faults of a real network. Best-effort and
 * unordered: what a caller needs beyond that (answers, time-outs) it builds on
 * top, so that those too are under test. A message to an address where nobody
 * listens comes back as refused, as TCP's reset does, unless that is lost too.
 */

export interface LinkFaults {
  readonly delayMs: number;
  /** Each message takes `delayMs` ± a uniform share of this. */
  readonly jitterMs: number;
  /** Probability, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
}

export const NO_FAULTS: LinkFaults = { delayMs: 1, jitterMs: 0, loss: 0, duplication: 0 };

export interface Listener {
  receive(from: string, message: unknown): void;
  /** `message` was sent to `to`, where nobody listens. */
  refused(to: string, message: unknown): void;
}

export interface NetworkCounts {
  sent: number;
  delivered: number;
  lost: number;
  cut: number;
}

const linkName = (from: string, to: string): string => `${from}>${to}`;

export class SimulatedNetwork {
  readonly counts: NetworkCounts = { sent: 0, delivered: 0, lost: 0, cut: 0 };
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #listeners = new Map<string, Listener>();
  readonly #links = new Map<string, LinkFaults>();
  readonly #cuts = new Set<string>();
  #faults: LinkFaults;

  constructor(clock: Clock, random: Random, faults: Partial<LinkFaults> = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = { ...NO_FAULTS, ...faults };
  }

  /** The returned function stops listening. */
  listen(address: string, listener: Listener): () => void {
    if (this.#listeners.has(address)) throw new Error(`${address} is taken`);
    this.#listeners.set(address, listener);
    return () => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
    };
  }

  send(from: string, to: string, message: unknown): void {
    this.counts.sent += 1;
    const faults = this.#links.get(linkName(from, to)) ?? this.#faults;
    const copies = this.#random.float() < faults.duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random.float() < faults.loss) this.counts.lost += 1;
      else
        this.#carry(from, to, faults, () => {
          const listener = this.#listeners.get(to);
          if (listener !== undefined) {
            this.counts.delivered += 1;
            listener.receive(from, message);
          } else {
            this.#carry(to, from, faults, () => this.#listeners.get(from)?.refused(to, message));
          }
        });
    }
  }

  setFaults(faults: Partial<LinkFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** One direction of one link; it no longer follows `setFaults`. */
  setLinkFaults(from: string, to: string, faults: Partial<LinkFaults>): void {
    this.#links.set(linkName(from, to), { ...this.#faults, ...faults });
  }

  /** Messages from any of `from` to any of `to` vanish; the other direction is untouched. */
  cutOneWay(from: readonly string[], to: readonly string[]): void {
    for (const a of from) for (const b of to) if (a !== b) this.#cuts.add(linkName(a, b));
  }

  cut(these: readonly string[], those: readonly string[]): void {
    this.cutOneWay(these, those);
    this.cutOneWay(those, these);
  }

  /** Takes away all cuts and the faults of single links; the faults of all links stay. */
  heal(): void {
    this.#cuts.clear();
    this.#links.clear();
  }

  #carry(from: string, to: string, faults: LinkFaults, arrive: () => void): void {
    const jitterMs = (this.#random.float() * 2 - 1) * faults.jitterMs;
    this.#clock.setTimer(Math.max(0, faults.delayMs + jitterMs), () => {
      // Looked up on arrival: a cut also takes what is on its way.
      if (this.#cuts.has(linkName(from, to))) this.counts.cut += 1;
      else arrive();
    });
  }
}
