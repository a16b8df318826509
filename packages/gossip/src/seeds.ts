import type { Random } from '@popmesh/contracts';

/**
 * Which seed addresses to call now (sans-I/O): all at the start, and for ever
 * again with back-off those whose member is not alive, because after a long
 * partition they are the only way back.
 */

interface Seed {
  readonly address: string;
  memberId: string | undefined;
  attempts: number;
  nextMs: number;
  calling: boolean;
}

export interface SeedTerms {
  readonly seedRetryMinMs: number;
  readonly seedRetryMaxMs: number;
}

export class Seeds {
  readonly #seeds: Seed[];
  readonly #terms: SeedTerms;
  readonly #random: Random;

  constructor(addresses: readonly string[], terms: SeedTerms, random: Random) {
    this.#terms = terms;
    this.#random = random;
    this.#seeds = [...new Set(addresses)].map((address) => ({
      address,
      memberId: undefined,
      attempts: 0,
      nextMs: 0,
      calling: false,
    }));
  }

  /** Addresses to call; each must be answered by `reached` or `missed`. */
  due(nowMs: number, isLive: (id: string) => boolean): string[] {
    const due = this.#seeds.filter(
      (seed) =>
        !seed.calling &&
        nowMs >= seed.nextMs &&
        (seed.memberId === undefined || !isLive(seed.memberId)),
    );
    for (const seed of due) seed.calling = true;
    return due.map((seed) => seed.address);
  }

  /** Whether each was called at least once, and none is being called. */
  get allTried(): boolean {
    return this.#seeds.every(
      ({ calling, attempts, memberId }) => !calling && (attempts > 0 || memberId !== undefined),
    );
  }

  /** All are due now. */
  again(): void {
    for (const seed of this.#seeds) seed.nextMs = 0;
  }

  /** Whether one of them is, or may be, somebody else. */
  expectOthers(selfId: string): boolean {
    return this.#seeds.some(({ memberId }) => memberId !== selfId);
  }

  reached(address: string, memberId: string, nowMs: number): void {
    const seed = this.#find(address);
    if (seed === undefined) return;
    Object.assign(seed, { calling: false, memberId, attempts: 0 });
    seed.nextMs = nowMs + this.#terms.seedRetryMinMs;
  }

  missed(address: string, nowMs: number): void {
    const seed = this.#find(address);
    if (seed === undefined) return;
    const { seedRetryMinMs, seedRetryMaxMs } = this.#terms;
    const waitMs = Math.min(seedRetryMaxMs, seedRetryMinMs * 2 ** Math.min(seed.attempts, 20));
    seed.calling = false;
    seed.attempts += 1;
    seed.nextMs = nowMs + waitMs * (0.75 + this.#random.float() / 4);
  }

  #find(address: string): Seed | undefined {
    return this.#seeds.find((seed) => seed.address === address);
  }
}
