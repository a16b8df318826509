/**
 * What kind of request ended an instance of this function a short while ago. Requests of that kind
 * get an instance of their own until it has been calm for a minute, so that whoever found an input
 * that traps ends nobody's request but their own. The kind is no more than whether there is a
 * body: a path or a header is the client's to vary. Refused: one request at a time for the whole
 * function, which is what an attacker would want.
 */

/** Bits, so that a worker reads all of them from one cell. */
export const SHAPE = { withoutBody: 1, withBody: 2, any: 3 } as const;

/** After a trap; one more begins it anew. */
export const CALM_MS = 60_000;

export class Suspicion {
  #withoutBodyMs = Number.NEGATIVE_INFINITY;
  #withBodyMs = Number.NEGATIVE_INFINITY;

  trapped(shapes: number, nowMs: number): void {
    if ((shapes & SHAPE.withoutBody) !== 0) this.#withoutBodyMs = nowMs;
    if ((shapes & SHAPE.withBody) !== 0) this.#withBodyMs = nowMs;
  }

  /** The kinds that are kept apart now. */
  shapes(nowMs: number): number {
    const without = nowMs - this.#withoutBodyMs < CALM_MS ? SHAPE.withoutBody : 0;
    return without | (nowMs - this.#withBodyMs < CALM_MS ? SHAPE.withBody : 0);
  }
}
