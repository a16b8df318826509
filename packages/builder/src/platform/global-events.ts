import { tag } from './define.ts';
import { Event, EventTarget } from './events.ts';

/** The events of the global scope: there is one, `unhandledrejection`. */

export class PromiseRejectionEvent extends Event {
  readonly promise: Promise<unknown>;
  readonly reason: unknown;

  constructor(
    type: string,
    init: { promise: Promise<unknown>; reason?: unknown; cancelable?: boolean },
  ) {
    super(type, init);
    this.promise = init.promise;
    this.reason = init.reason;
  }
}
tag(PromiseRejectionEvent, 'PromiseRejectionEvent');

export const globalEvents = new EventTarget();

globalEvents.addEventListener('unhandledrejection', (event) => {
  const { onunhandledrejection } = globalThis as { onunhandledrejection?: unknown };
  if (typeof onunhandledrejection === 'function') onunhandledrejection.call(globalThis, event);
});
