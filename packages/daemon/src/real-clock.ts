import { type Clock, sleepOn, type Timer } from '@popmesh/contracts';

const setTimer = (ms: number, run: () => void): Timer => {
  const timer = setTimeout(run, ms);
  return { cancel: () => clearTimeout(timer) };
};

/** The one clock that reads the machine's time; everything else takes a `Clock`. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleepOn({ setTimer }, ms, signal),
  setTimer,
};
