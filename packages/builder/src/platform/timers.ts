import { host, ignore, requireRunning, settled } from './host.ts';
import { reportError } from './report.ts';

/** Timers: one host future per running timer, by an id that is ours. */

const MS_MAX = 2_147_483_647;

let lastId = 0;
const active = new Set<number>();

export function startTimer(callback: () => void, ms: unknown, repeat = false): number {
  requireRunning('setTimeout');
  const id = ++lastId;
  active.add(id);
  const wait = Number(ms);
  const delay = wait > 0 && wait <= MS_MAX ? Math.trunc(wait) : 0;
  ignore(run(id, callback, delay, repeat));
  return id;
}

async function run(id: number, callback: () => void, ms: number, repeat: boolean): Promise<void> {
  do {
    const passed = await settled(host.timer(id, ms));
    if (passed === 0 || !active.has(id)) break;
    if (!repeat) active.delete(id);
    try {
      callback();
    } catch (error) {
      reportError(error);
    }
  } while (repeat && active.has(id));
  active.delete(id);
}

/** A wait that the guest ends itself; what it resolves, it resolves in the task that opened it. */
export function openWait(): { readonly ended: Promise<unknown>; readonly end: () => void } {
  const id = ++lastId;
  return { ended: settled(host.timer(id, MS_MAX)), end: () => host.timerCancel(id) };
}

export function clearTimer(id?: unknown): void {
  const number = Number(id);
  if (active.delete(number)) host.timerCancel(number);
}

type Callback = (...args: unknown[]) => void;

const bind = (callback: unknown, args: unknown[]): (() => void) => {
  if (typeof callback !== 'function') throw new TypeError('A timer needs a function to call');
  return args.length === 0 ? (callback as () => void) : () => (callback as Callback)(...args);
};

export const setTimeout = (callback: Callback, ms?: number, ...args: unknown[]): number =>
  startTimer(bind(callback, args), ms);

export const setInterval = (callback: Callback, ms?: number, ...args: unknown[]): number =>
  startTimer(bind(callback, args), ms, true);
