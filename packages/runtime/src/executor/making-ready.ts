import type { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '@popmesh/contracts';
import type { Batch, WorkerReply } from '../worker/wire.ts';

/**
 * Bounds what making one blank worker ready may take: by its CPU time, and by the clock where it
 * gets none. It takes 0.1 s; nothing of a guest runs in it, so what does not come to an end is a
 * fault of ours, or of an engine, and would burn a core for as long as the process lives.
 */

export interface MakingReadyLimits {
  readonly cpuMsMax: number;
  readonly deadlineMs: number;
  readonly pollMs: number;
}

export const MAKING_READY: MakingReadyLimits = { cpuMsMax: 2_000, deadlineMs: 30_000, pollMs: 250 };

/** Resolves with whether it came to its end; ends the thread when it did not. Gone is as good. */
export function watchMakingReady(
  worker: Worker,
  clock: Pick<Clock, 'setTimer' | 'monotonic'>,
  limits = MAKING_READY,
): Promise<boolean> {
  return new Promise((resolve) => {
    const startedMs = clock.monotonic();
    let timer: Timer | undefined;
    let isOver = false;
    const over = (made: boolean): void => {
      if (isOver) return;
      isOver = true;
      timer?.cancel();
      worker.off('message', onMessage);
      worker.off('exit', onExit);
      resolve(made);
    };
    // One that was taken meanwhile says only batches after it was made ready.
    const onMessage = (said: Batch | WorkerReply): void => {
      if (Array.isArray(said) || said.type !== 'keep') over(true);
    };
    const onExit = (): void => over(true);
    const look = async (): Promise<void> => {
      const { user, system } = await worker.cpuUsage().catch(() => ({ user: 0, system: 0 }));
      if (isOver) return;
      const spentMs = (user + system) / 1_000;
      if (spentMs < limits.cpuMsMax && clock.monotonic() - startedMs < limits.deadlineMs) {
        timer = clock.setTimer(limits.pollMs, () => void look());
        return;
      }
      over(false);
      void worker.terminate();
    };
    worker.on('message', onMessage);
    worker.once('exit', onExit);
    timer = clock.setTimer(limits.pollMs, () => void look());
  });
}
