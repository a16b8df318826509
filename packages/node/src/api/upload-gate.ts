import { PopmeshError } from '@popmesh/contracts';

/**
 * How many uploads are in memory at once: in all, for each token and for each namespace, so that
 * one tenant never has all places. Refused: a queue, in which a slow tenant's uploads would stand
 * before everybody's; the command line asks again for a while.
 */

/** Of one token, and of one namespace. */
export const UPLOADS_PER_TENANT_MAX = 2;

export class UploadGate {
  readonly #totalMax: () => number;
  /** By what is counted: `token …`, `namespace …`. */
  readonly #held = new Map<string, number>();
  #total = 0;

  /** Asked for each upload, since it may change while the node runs. */
  constructor(totalMax: () => number) {
    this.#totalMax = totalMax;
  }

  /** Throws `overloaded`; what it gives back is called once, when the upload is over. */
  enter(token: string, namespace: string): () => void {
    const totalMax = this.#totalMax();
    // One place is left for others wherever there are two.
    const tenantMax = Math.max(1, Math.min(UPLOADS_PER_TENANT_MAX, totalMax - 1));
    const keys = [
      ['uploads_per_token', `token ${token}`],
      ['uploads_per_namespace', `namespace ${namespace}`],
    ] as const;
    if (this.#total >= totalMax) throw full('uploads_max', totalMax);
    for (const [limit, key] of keys) {
      if ((this.#held.get(key) ?? 0) >= tenantMax) throw full(limit, tenantMax);
    }
    this.#total++;
    for (const [, key] of keys) this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    return () => {
      this.#total--;
      for (const [, key] of keys) {
        const left = (this.#held.get(key) ?? 1) - 1;
        if (left > 0) this.#held.set(key, left);
        else this.#held.delete(key);
      }
    };
  }
}

const full = (limit: string, max: number): PopmeshError =>
  new PopmeshError('overloaded', 'too many uploads at once', {
    hint: 'Wait until one of them is over, or use another node.',
    details: { limit, max },
  });
