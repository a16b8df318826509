import { type Clock, PopmeshError, type Timer } from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import { limitTime } from '../prepare/child-time.ts';
import type { Slot } from './slot.ts';

/**
 * How long a worker may take to make its first instance, by what its thread spends: by the clock a
 * good component would be given up, and refused at deploy, on a machine with much else to do.
 */
export function limitStart(
  slot: Pick<Slot, 'worker'>,
  { clock, config }: { readonly clock: Clock; readonly config: RuntimeConfig },
  onOver: (error: PopmeshError) => void,
): Timer {
  const limitMs = config.slotStartMs;
  return limitTime({
    limitMs,
    clock,
    cpuMs: async () => {
      const asked = slot.worker.cpuUsage().catch(() => undefined);
      // One that does not even say so is stuck.
      const used = await Promise.race([asked, clock.sleep(limitMs).then(() => undefined)]);
      return used && (used.user + used.system) / 1000;
    },
    onOver: (isSpent) => onOver(notStarted(isSpent, limitMs)),
  });
}

function notStarted(isSpent: boolean, max: number): PopmeshError {
  const details = { limit: 'slotStartMs', max };
  return isSpent
    ? new PopmeshError(
        'timeout_exceeded',
        `The function did not start within ${max} ms of CPU time`,
        { details },
      )
    : new PopmeshError('unavailable', 'The function had too little time to start', { details });
}
