import { type Clock, PopmeshError } from '@popmesh/contracts';

/**
 * A body that comes at least so fast: its first byte within a while, and from then on an average.
 * Who sends slower holds a place that others wait for. Refused: a deadline alone, which is either
 * too short for a large component on a slow line or long enough to stop everybody's deploys.
 */

export const BODY_FIRST_BYTE_MS = 10_000;
export const BODY_LEAST_BYTES_PER_S = 4 * 1024;
const LOOK_MS = 1_000;

/** Yields what comes; throws `request_too_slow`. */
export async function* atLeastRate(
  body: ReadableStream<Uint8Array>,
  clock: Pick<Clock, 'monotonic' | 'setTimer'>,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const startedMs = clock.monotonic();
  let bytes = 0;
  const isTooSlow = (): boolean => {
    const lateMs = clock.monotonic() - startedMs - BODY_FIRST_BYTE_MS;
    return lateMs > 0 && bytes < (lateMs / 1_000) * BODY_LEAST_BYTES_PER_S;
  };
  try {
    for (;;) {
      const part = await withLooks(reader.read(), clock, isTooSlow);
      if (part.done) return;
      bytes += part.value.length;
      // A byte now and then comes before every look.
      if (isTooSlow()) throw tooSlow();
      yield part.value;
    }
  } finally {
    // Who stops reading wants nothing more of it, however it ended.
    void reader.cancel().catch(() => {});
  }
}

async function withLooks<T>(
  next: Promise<T>,
  clock: Pick<Clock, 'setTimer'>,
  isTooSlow: () => boolean,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const look = (): void => {
    if (isTooSlow()) late.reject(tooSlow());
    else timer = clock.setTimer(LOOK_MS, look);
  };
  let timer = clock.setTimer(LOOK_MS, look);
  try {
    return await Promise.race([next, late.promise]);
  } finally {
    timer.cancel();
    next.catch(() => {});
  }
}

const tooSlow = (): PopmeshError =>
  new PopmeshError('request_too_slow', 'the body comes too slowly', {
    hint: `At least ${BODY_LEAST_BYTES_PER_S} bytes a second are needed, the first after ${BODY_FIRST_BYTE_MS / 1_000} s.`,
    details: { limit: 'body_bytes_per_second', max: BODY_LEAST_BYTES_PER_S },
  });
