import { readFile } from 'node:fs/promises';
import type { Clock, Timer } from '@popmesh/contracts';

/**
 * The deadline of a child that computes, counted in its own CPU time: on a machine with much else
 * to do a good component would be refused by the clock. Refused: RLIMIT_CPU, which ends it without
 * a word, and which Node cannot set for a child.
 */

/** By the clock it may take this many times as long, then it is ended all the same. */
export const WALL_FACTOR = 6;
/** Between two looks, however little is left. */
const LOOK_MS_MIN = 20;
/** What the kernel counts in, for every program on every Linux. */
const TICKS_PER_SECOND = 100;

export interface ChildTimeOptions {
  readonly limitMs: number;
  readonly clock: Pick<Clock, 'monotonic' | 'setTimer'>;
  /** What the child has spent; undefined where nobody says, and then the clock decides. */
  readonly cpuMs: () => Promise<number | undefined>;
  /** Once; `isSpent` unless it is only the machine that was too busy. */
  readonly onOver: (isSpent: boolean) => void;
}

export function limitTime({ limitMs, clock, cpuMs, onOver }: ChildTimeOptions): Timer {
  const endMs = clock.monotonic() + WALL_FACTOR * limitMs;
  let cancelled = false;
  let timer: Timer | undefined;
  const look = async (): Promise<void> => {
    const leftMs = limitMs - ((await cpuMs()) ?? limitMs);
    if (cancelled) return;
    const untilEndMs = endMs - clock.monotonic();
    if (leftMs <= 0 || untilEndMs <= 0) onOver(leftMs <= 0);
    else wait(Math.min(untilEndMs, Math.max(LOOK_MS_MIN, leftMs)));
  };
  const wait = (ms: number): void => {
    timer = clock.setTimer(ms, () => void look());
  };
  wait(limitMs);
  return {
    cancel: () => {
      cancelled = true;
      timer?.cancel();
    },
  };
}

/** Of all its threads; undefined where the kernel does not say. */
export async function cpuMsOf(pid: number): Promise<number | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  if (line === undefined) return undefined;
  // Behind the program's name, which may have any characters: user and system time are 12th and 13th.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isNaN(ticks) ? undefined : (ticks * 1_000) / TICKS_PER_SECOND;
}
