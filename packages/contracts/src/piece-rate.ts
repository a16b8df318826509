/**
 * How small the pieces of a body may be. node:http calls us once for each chunk, so 72 MB in
 * chunks of one byte cost minutes of a thread that everybody shares. Tiny pieces are for
 * dialogues, which are slow; what is fast has to come in larger ones.
 *
 * Refused: a count for the whole body, which would end a long dialogue in the middle; and one for
 * a whole connection, since 500 small requests a second on one connection are honest.
 */

/** Judged together. */
export const PIECES = 4_096;
export const PIECE_BYTES_LEAST = 16;
const FAST_MS = 10_000;

export class PieceRate {
  #since: number;
  #pieces = 0;
  #bytes = 0;

  constructor(now: number) {
    this.#since = now;
  }

  /** One more piece; false when the last ones were too small and came too fast. The clock is asked seldom. */
  take(bytes: number, clock: { monotonic(): number }): boolean {
    this.#bytes += bytes;
    if (++this.#pieces < PIECES) return true;
    const now = clock.monotonic();
    const fine = this.#bytes >= PIECES * PIECE_BYTES_LEAST || now - this.#since > FAST_MS;
    this.#since = now;
    this.#pieces = 0;
    this.#bytes = 0;
    return fine;
  }
}
