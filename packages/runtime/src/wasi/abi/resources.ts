import { WASI_LIMITS } from '../limits.ts';

/**
 * The handles that one guest has to one kind of resource: jco's own two tables, read and
 * written as its glue does, so that functions which jco still lowers see the same handles.
 * jco makes an empty object for a handle that it does not know; here it traps.
 *
 * jco's layout: pairs of (scope, rep); pair 0 heads the list of free ones, whose scopes
 * carry `FLAG` and the next free; a rep carries it where the guest owns the resource.
 */
const FLAG = 1 << 30;

export interface Captures<T> {
  get(rep: number): T | undefined;
  set(rep: number, value: T): unknown;
  delete(rep: number): boolean;
}

export class Resources<T extends object> {
  readonly #pairs: number[];
  readonly #captures: Captures<T>;
  readonly #nextRep: () => number;

  constructor(pairs: number[], captures: Captures<T>, nextRep: () => number) {
    this.#pairs = pairs;
    this.#captures = captures;
    this.#nextRep = nextRep;
  }

  /** A new handle that the guest owns. */
  add(value: T): number {
    const rep = this.#nextRep();
    if (rep >= FLAG) throw new Error('this instance has had too many resources');
    const pairs = this.#pairs;
    const free = (pairs[0] as number) & ~FLAG;
    let handle = free;
    if (free === 0) {
      handle = pairs.length >> 1;
      if (handle > WASI_LIMITS.handles) throw new Error('more resources than the host holds');
      pairs.push(0, rep | FLAG);
    } else {
      pairs[0] = pairs[free << 1] as number;
      pairs[free << 1] = 0;
      pairs[(free << 1) + 1] = rep | FLAG;
    }
    this.#captures.set(rep, value);
    return handle;
  }

  /** What is borrowed for a call. */
  get(handle: number): T {
    return this.#find(this.#rep(handle));
  }

  /** What the guest gives away, or drops. */
  take(handle: number): T {
    const rep = this.#rep(handle);
    const value = this.#find(rep);
    const pairs = this.#pairs;
    pairs[handle << 1] = (pairs[0] as number) | FLAG;
    pairs[0] = handle | FLAG;
    this.#captures.delete(rep);
    return value;
  }

  #find(rep: number): T {
    const value = this.#captures.get(rep);
    if (value === undefined) throw new Error('unknown handle');
    return value;
  }

  #rep(handle: number): number {
    const pairs = this.#pairs;
    const at = handle << 1;
    // `handle` is any 32-bit number; `at` must not wrap round to somebody else's.
    if (handle <= 0 || handle >= FLAG || at >= pairs.length) throw new Error('unknown handle');
    const rep = pairs[at + 1] as number;
    if (pairs[at] !== 0 || (rep & FLAG) === 0) throw new Error('unknown handle');
    return rep & ~FLAG;
  }
}
