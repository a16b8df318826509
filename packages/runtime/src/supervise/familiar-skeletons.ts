/**
 * Which skeleton blank processes are made ready for. Only one of which functions of two
 * namespaces have answered requests here, and as long as two have it: so it is known to compile
 * and to run, and it is worth its memory. What ends a process that is made ready for it, or does
 * not come to an end there, is never tried again. Pure. Whether it may be one at all is decided
 * before (engines.ts). Refused: the skeleton of the namespace that is likely to be next, whose
 * code another would then hold.
 */

const NAMESPACES_MIN = 2;
/** Of each no more are counted. */
const NAMESPACES_MAX = 64;
/** Functions that are counted of one namespace; while one of them stands the namespace counts. */
const FUNCTIONS_MAX = 64;
/** The one that was heard of longest ago goes first. */
const SKELETONS_MAX = 64;

export class FamiliarSkeletons {
  /** By skeleton and namespace: the prepared components that have run. */
  readonly #namespaces = new Map<string, Map<string, Set<string>>>();
  readonly #struck = new Set<string>();

  /** A component of this namespace has answered; true when it is the first to make it familiar. */
  ran(digest: string, namespace: string, directory: string): boolean {
    const known = this.#namespaces.get(digest) ?? new Map<string, Set<string>>();
    this.#namespaces.delete(digest);
    this.#namespaces.set(digest, known);
    for (const oldest of this.#namespaces.keys()) {
      if (this.#namespaces.size <= SKELETONS_MAX) break;
      this.#namespaces.delete(oldest);
    }
    const held = known.get(namespace);
    if (held !== undefined) {
      if (held.size < FUNCTIONS_MAX) held.add(directory);
      return false;
    }
    if (known.size >= NAMESPACES_MAX) return false;
    known.set(namespace, new Set([directory]));
    return known.size === NAMESPACES_MIN && !this.#struck.has(digest);
  }

  /** The namespace serves these and no others: a skeleton goes with its last function. */
  keepOnly(namespace: string, directories: ReadonlySet<string>): void {
    for (const [digest, known] of this.#namespaces) {
      const held = known.get(namespace);
      if (held === undefined) continue;
      for (const directory of held) if (!directories.has(directory)) held.delete(directory);
      if (held.size === 0) known.delete(namespace);
      if (known.size === 0) this.#namespaces.delete(digest);
    }
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
