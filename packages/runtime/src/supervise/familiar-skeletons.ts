/**
 * Which skeleton blank processes are made ready for. Only one of which functions of two
 * namespaces have answered requests here: so it is known to compile and to run, and it is nobody's
 * secret, since a blank process may become any namespace's. What ends a process that is made
 * ready for it is never tried again. Pure. Refused: the skeleton of the namespace that is
 * likely to be next, whose code another would then hold.
 */

const NAMESPACES_MIN = 2;
/** Of each no more are counted. */
const NAMESPACES_MAX = 64;
/** The one that was heard of longest ago goes first. */
const SKELETONS_MAX = 64;

export class FamiliarSkeletons {
  readonly #namespaces = new Map<string, Set<string>>();
  readonly #struck = new Set<string>();

  /** A function of this namespace has answered; true when it is the first to make it familiar. */
  ran(digest: string, namespace: string): boolean {
    const known = this.#namespaces.get(digest) ?? new Set();
    this.#namespaces.delete(digest);
    this.#namespaces.set(digest, known);
    for (const oldest of this.#namespaces.keys()) {
      if (this.#namespaces.size <= SKELETONS_MAX) break;
      this.#namespaces.delete(oldest);
    }
    if (known.has(namespace) || known.size >= NAMESPACES_MAX) return false;
    known.add(namespace);
    return known.size === NAMESPACES_MIN && !this.#struck.has(digest);
  }

  struck(digest: string): void {
    this.#struck.add(digest);
  }

  /** That of most namespaces. */
  get best(): string | undefined {
    let best: string | undefined;
    let most = NAMESPACES_MIN - 1;
    for (const [digest, { size }] of this.#namespaces) {
      if (size <= most || this.#struck.has(digest)) continue;
      best = digest;
      most = size;
    }
    return best;
  }
}
