/** Which revision of our announcement the others hold, as their answers say (sans-I/O). */

export class AnnouncementHolders {
  readonly #held = new Map<string, { readonly revision: bigint; readonly sentMs: number }>();

  /** An answer to what was sent at this monotonic time; an answer to something older is no news. */
  note(id: string, revision: bigint, sentMs: number): void {
    const held = this.#held.get(id);
    if (held === undefined || held.sentMs <= sentMs) this.#held.set(id, { revision, sentMs });
  }

  /** The highest among the given members; 0 when none holds one. Forgets all others. */
  highest(live: readonly { readonly id: string }[]): bigint {
    let highest = 0n;
    const ids = new Set(live.map(({ id }) => id));
    for (const [id, { revision }] of this.#held) {
      if (!ids.has(id)) this.#held.delete(id);
      else if (revision > highest) highest = revision;
    }
    return highest;
  }
}
