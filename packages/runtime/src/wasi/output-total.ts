import { WASI_LIMITS } from './limits.ts';
import type { Lifetime } from './readiness.ts';

/**
 * What one instance has the host hold in bodies that it writes. Each body is bounded by itself,
 * but an instance may have a handle to 65,536 of them: 4 GiB outside of its memory and of every
 * heap, for a function of 16 MB. Refused: to let it wait, as no body of it would ever be sent.
 */
export class OutputTotal {
  readonly #lifetime: Pick<Lifetime, 'trap'>;
  #bytes = 0;

  constructor(lifetime: Pick<Lifetime, 'trap'>) {
    this.#lifetime = lifetime;
  }

  /** Throws, and ends the instance, where it becomes too much. */
  change(by: number): void {
    this.#bytes += by;
    if (by > 0 && this.#bytes > WASI_LIMITS.outputTotalBytes) {
      throw this.#lifetime.trap(
        `the bodies that it writes hold more than ${WASI_LIMITS.outputTotalBytes} bytes`,
      );
    }
  }
}
