import { globalEvents, PromiseRejectionEvent } from './global-events.ts';
import { host, running } from './host.ts';
import { EnginePromise, promiseThen } from './promise.ts';
import { report } from './report.ts';
import { forgetWait, newWait } from './waits.ts';

/**
 * Promises that reject with nobody listening. The engine tells nobody of them, so the builder
 * hands over those that a statement drops (`../dropped-promises.ts` says which). Whether somebody
 * listens is known from `constructor`: `await`, `then` and all that is built on it read it of the
 * promise itself. Judged as Node does, when the turn in which it rejected is over: at the next
 * entry into the guest, whatever it is, and a timer sees to it that there is one.
 */

/** In one turn; of further ones only the number is told. */
const SUSPECTS_MAX = 100;
const KIND = 'unhandled rejection: ';

/** What `serve.ts` and this tell each other at each entry. */
export const turn = {
  /** The request that came last: what runs may be its work. */
  request: 0,
  /** Something is to be judged. */
  suspected: false,
};

const listenedTo = new WeakSet<object>();
let suspects: { promise: Promise<unknown>; reason: unknown }[] = [];
let untold = 0;
let wait = 0;
let retained = 0;
/** While we listen ourselves, which does not count. */
let listening = false;

/** Before the first request of a function in which promises are dropped. */
export function popmeshWatch(): void {
  Object.defineProperty(EnginePromise.prototype, 'constructor', {
    get(): unknown {
      if (!listening) listenedTo.add(this);
      return EnginePromise;
    },
    // As the plain property did: an assignment to a promise makes its own, one here replaces ours.
    set(value: unknown): void {
      Object.defineProperty(this, 'constructor', {
        value,
        writable: true,
        configurable: true,
        enumerable: this !== EnginePromise.prototype,
      });
    },
    configurable: true,
    enumerable: false,
  });
}

/** The value of a call that its caller drops. */
export function popmeshDropped(value: unknown): void {
  try {
    if (!isWatchable(value) || listenedTo.has(value)) return;
    listening = true;
    promiseThen.call(value, undefined, (reason) => suspect(value, reason));
  } catch {
    // A proxy may do what it likes when it is looked at.
  } finally {
    listening = false;
  }
}

/** Of any other, a subclass for one, we would not learn that somebody listens. */
const isWatchable = (value: unknown): value is Promise<unknown> =>
  value instanceof EnginePromise &&
  Object.getPrototypeOf(value) === EnginePromise.prototype &&
  !Object.hasOwn(value, 'constructor');

type Callback = (...args: unknown[]) => unknown;

/** A callback whose answers are dropped by what calls it. */
export function popmeshEach(callback: Callback): Callback {
  return function (this: unknown, ...args) {
    popmeshDropped(callback.apply(this, args));
  };
}

function suspect(promise: Promise<unknown>, reason: unknown): void {
  if (!running || listenedTo.has(promise)) return;
  if (suspects.length === SUSPECTS_MAX) {
    untold++;
    return;
  }
  suspects.push({ promise, reason });
  if (turn.suspected) return;
  turn.suspected = true;
  // Kept until then, where an instance goes with its request.
  retained = turn.request;
  host.retain(retained);
  wait = newWait(() => {});
  // Too many timers: one of those will do.
  host.timer(wait, 0);
}

/** To be called first in an entry. Never throws. */
export function judge(): void {
  const batch = suspects;
  const more = untold;
  suspects = [];
  untold = 0;
  turn.suspected = false;
  forgetWait(wait);
  host.timerCancel(wait);
  host.release(retained);
  for (const { promise, reason } of batch) {
    if (listenedTo.has(promise)) continue;
    const init = { promise, reason, cancelable: true };
    if (globalEvents.dispatchEvent(new PromiseRejectionEvent('unhandledrejection', init))) {
      report(KIND, reason);
    }
  }
  if (more > 0) host.report(`${KIND}${more} more in the same turn`, '');
}
