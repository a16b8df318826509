import { type Clock, HybridClock } from '@popmesh/contracts';
import type { Standing } from '@popmesh/gossip';

/**
 * The clock that every change is stamped by. It refuses to stamp while this node's
 * clock is overruled or its id is another's, so that no way to write can forget to
 * ask: what such a node stamped would be refused by the others now, and would
 * replace what they did meanwhile later.
 */
export class WriteClock extends HybridClock {
  readonly #refusal: Standing['refusal'];

  constructor(clock: Pick<Clock, 'now'>, refusal: Standing['refusal']) {
    super(clock);
    this.#refusal = refusal;
  }

  /** Throws `clock_skewed` or `id_in_use`. */
  override next(): bigint {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    return super.next();
  }
}
