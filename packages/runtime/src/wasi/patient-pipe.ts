import type { Clock } from '@popmesh/contracts';
import type { Pipe } from '../worker/door.ts';

/** The other end was silent for longer than the guest's between-bytes timeout. */
export class BetweenBytesTimeout extends Error {
  override readonly name = 'BetweenBytesTimeout';
}

/**
 * A pipe whose reader waits for at most `timeoutMs` each time. The time counts while somebody
 * waits, not while a slow guest lets bytes lie.
 */
export function patientPipe(pipe: Pipe, timeoutMs: number, clock: Clock): Pipe {
  return {
    read: () =>
      new Promise((resolve, reject) => {
        const timer = clock.setTimer(timeoutMs, () => {
          pipe.cancel();
          reject(new BetweenBytesTimeout(`nothing came for ${timeoutMs} ms`));
        });
        const settled = (): void => timer.cancel();
        pipe.read().then(
          (bytes) => {
            settled();
            resolve(bytes);
          },
          (error: unknown) => {
            settled();
            reject(error);
          },
        );
      }),
    write: (bytes) => pipe.write(bytes),
    close: (error) => pipe.close(error),
    cancel: () => pipe.cancel(),
    get trailers() {
      return pipe.trailers;
    },
  };
}
