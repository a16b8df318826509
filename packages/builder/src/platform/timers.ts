import { host, requireRunning } from './host.ts';
import { reportError, watch } from './report.ts';
import { forgetWait, newWait, renewWait } from './waits.ts';

/** Timers: each is one of the host's, by the number of its wait. */

const MS_MAX = 2_147_483_647;

const active = new Set<number>();

export function startTimer(callback: () => unknown, ms: unknown, repeat = false): number {
  requireRunning('setTimeout');
  const wait = Number(ms);
  const delay = wait > 0 && wait <= MS_MAX ? Math.trunc(wait) : 0;
  const run = (): void => {
    if (!repeat) active.delete(id);
    try {
      watch(callback());
    } catch (error) {
      reportError(error);
    }
    if (!repeat || !active.has(id)) return;
    renewWait(id, run);
    begin(id, delay);
  };
  const id = newWait(run);
  active.add(id);
  begin(id, delay);
  return id;
}

function begin(id: number, delay: number): void {
  if (host.timer(id, delay) === 1) return;
  active.delete(id);
  forgetWait(id);
  throw new RangeError('There are too many timers');
}

export function clearTimer(id?: unknown): void {
  const number = Number(id);
  if (!active.delete(number)) return;
  forgetWait(number);
  host.timerCancel(number);
}

type Callback = (...args: unknown[]) => unknown;

const bind = (callback: unknown, args: unknown[]): (() => unknown) => {
  if (typeof callback !== 'function') throw new TypeError('A timer needs a function to call');
  return args.length === 0 ? (callback as () => unknown) : () => (callback as Callback)(...args);
};

export const setTimeout = (callback: Callback, ms?: number, ...args: unknown[]): number =>
  startTimer(bind(callback, args), ms);

export const setInterval = (callback: Callback, ms?: number, ...args: unknown[]): number =>
  startTimer(bind(callback, args), ms, true);
