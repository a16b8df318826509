/**
 * A map from small whole numbers for what comes and goes with every request. Refused:
 * `Map`, whose table is made anew every few dozen insertions and whose old table points to
 * the new one: once one such table is in V8's old space, every later table and half of all
 * requests ever held survive each young collection (a fifth of all CPU time here was that).
 * The glue gets a copy of this class as text, so it uses nothing from outside itself.
 * Linear probing, entries moved back on deletion, so a steady load never allocates.
 */
export class IdMap<V> {
  static readonly #FREE = -1;
  #ids: Float64Array;
  #values: (V | undefined)[];
  #mask: number;
  #size = 0;

  constructor() {
    this.#ids = new Float64Array(64).fill(IdMap.#FREE);
    this.#values = new Array<V | undefined>(64).fill(undefined);
    this.#mask = 63;
  }

  get size(): number {
    return this.#size;
  }

  has(id: number): boolean {
    return this.#ids[this.#find(id)] === id;
  }

  get(id: number): V | undefined {
    return this.#values[this.#find(id)];
  }

  /** `id` is a whole number, 0 or above. */
  set(id: number, value: V): this {
    let at = this.#find(id);
    if (this.#ids[at] !== id) {
      if ((this.#size + 1) * 2 > this.#ids.length) {
        this.#grow();
        at = this.#find(id);
      }
      this.#ids[at] = id;
      this.#size++;
    }
    this.#values[at] = value;
    return this;
  }

  delete(id: number): boolean {
    const ids = this.#ids;
    const values = this.#values;
    const mask = this.#mask;
    let hole = this.#find(id);
    if (ids[hole] !== id) return false;
    this.#size--;
    // Whatever was pushed past the hole moves into it, so that a search may stop at a free place.
    for (let at = (hole + 1) & mask; ids[at] !== IdMap.#FREE; at = (at + 1) & mask) {
      const home = (ids[at] as number) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      ids[hole] = ids[at] as number;
      values[hole] = values[at];
      hole = at;
    }
    ids[hole] = IdMap.#FREE;
    values[hole] = undefined;
    return true;
  }

  clear(): void {
    this.#ids.fill(IdMap.#FREE);
    this.#values.fill(undefined);
    this.#size = 0;
  }

  /** What is there now, in no order; it may be changed meanwhile. */
  values(): V[] {
    const out: V[] = [];
    this.#ids.forEach((id, at) => {
      if (id !== IdMap.#FREE) out.push(this.#values[at] as V);
    });
    return out;
  }

  #find(id: number): number {
    const ids = this.#ids;
    let at = id & this.#mask;
    while (ids[at] !== id && ids[at] !== IdMap.#FREE) at = (at + 1) & this.#mask;
    return at;
  }

  #grow(): void {
    const ids = this.#ids;
    const values = this.#values;
    this.#ids = new Float64Array(ids.length * 2).fill(IdMap.#FREE);
    this.#values = new Array<V | undefined>(ids.length * 2).fill(undefined);
    this.#mask = ids.length * 2 - 1;
    ids.forEach((id, from) => {
      if (id === IdMap.#FREE) return;
      const at = this.#find(id);
      this.#ids[at] = id;
      this.#values[at] = values[from];
    });
  }
}
