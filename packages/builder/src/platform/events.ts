import { nowMs } from './clock.ts';
import { tag } from './define.ts';
import { reportError, watch } from './report.ts';

/** Event, CustomEvent, EventTarget: no tree here, so no capturing and no bubbling to do. */

export class Event {
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly timeStamp: number = nowMs();
  isTrusted = false;
  target: EventTarget | null = null;
  currentTarget: EventTarget | null = null;
  defaultPrevented = false;
  eventPhase = 0;
  #stopped = false;
  #halted = false;
  /** On its way through a target's listeners. */
  #dispatched = false;
  /** The listener that runs has promised not to prevent anything. */
  #passive = false;

  constructor(
    type: string,
    init?: { bubbles?: boolean; cancelable?: boolean; composed?: boolean },
  ) {
    // biome-ignore lint/complexity/noArguments: `undefined` is a type, nothing is not
    if (arguments.length === 0) throw new TypeError('An event needs a type');
    this.type = `${type}`;
    this.bubbles = Boolean(init?.bubbles);
    this.cancelable = Boolean(init?.cancelable);
    this.composed = Boolean(init?.composed);
  }

  preventDefault(): void {
    if (this.cancelable && !this.#passive) this.defaultPrevented = true;
  }
  get returnValue(): boolean {
    return !this.defaultPrevented;
  }
  set returnValue(value: boolean) {
    if (!value) this.preventDefault();
  }
  get cancelBubble(): boolean {
    return this.#halted;
  }
  set cancelBubble(value: boolean) {
    if (value) this.#halted = true;
  }
  stopPropagation(): void {
    this.#halted = true;
  }
  stopImmediatePropagation(): void {
    this.#stopped = true;
    this.#halted = true;
  }
  composedPath(): EventTarget[] {
    return this.currentTarget === null ? [] : [this.currentTarget];
  }

  static isStopped(event: Event): boolean {
    return event.#stopped;
  }
  static setPassive(event: Event, passive: boolean): void {
    event.#passive = passive;
  }
  static begin(event: Event): void {
    if (event.#dispatched) {
      throw new DOMException('The event is being dispatched', 'InvalidStateError');
    }
    event.#dispatched = true;
  }
  static end(event: Event): void {
    event.#dispatched = false;
    event.#stopped = false;
    event.#halted = false;
  }
}

const { isStopped, setPassive, begin, end } = Event;
for (const name of ['isStopped', 'setPassive', 'begin', 'end']) Reflect.deleteProperty(Event, name);

export class CustomEvent extends Event {
  readonly detail: unknown;
  constructor(type: string, init?: { detail?: unknown; cancelable?: boolean }) {
    super(type, init);
    this.detail = init?.detail ?? null;
  }
}

export type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };
export interface ListenerOptions {
  once?: boolean;
  capture?: boolean;
  passive?: boolean;
  signal?: { readonly aborted: boolean; addEventListener(type: string, run: () => void): void };
}
interface Entry {
  type: string;
  listener: Listener;
  capture: boolean;
  once: boolean;
  passive: boolean;
  removed: boolean;
}

export class EventTarget {
  #entries: Entry[] | undefined = undefined;

  addEventListener(
    type: string,
    listener: Listener | null,
    options?: boolean | ListenerOptions,
  ): void {
    if (listener === null || listener === undefined) return;
    const given = typeof options === 'object' && options !== null ? options : {};
    const capture = options === true || Boolean(given.capture);
    if (given.signal?.aborted) return;
    if (this.#entries === undefined) this.#entries = [];
    const same = (e: Entry): boolean =>
      e.type === type && e.listener === listener && e.capture === capture;
    if (this.#entries.some(same)) return;
    this.#entries.push({
      type,
      listener,
      capture,
      once: Boolean(given.once),
      passive: Boolean(given.passive),
      removed: false,
    });
    given.signal?.addEventListener('abort', () =>
      this.removeEventListener(type, listener, capture),
    );
  }

  removeEventListener(
    type: string,
    listener: Listener | null,
    options?: boolean | { capture?: boolean },
  ): void {
    const capture = options === true || (typeof options === 'object' && Boolean(options?.capture));
    this.#entries = this.#entries?.filter((entry) => {
      const gone = entry.type === type && entry.listener === listener && entry.capture === capture;
      if (gone) entry.removed = true;
      return !gone;
    });
  }

  dispatchEvent(event: Event): boolean {
    begin(event);
    event.target = this;
    event.currentTarget = this;
    // A copy: listeners added while it runs wait for the next event.
    for (const entry of this.#entries?.slice() ?? []) {
      if (entry.type !== event.type || entry.removed) continue;
      if (entry.once) this.removeEventListener(entry.type, entry.listener, entry.capture);
      setPassive(event, entry.passive);
      this.#call(event, entry.listener);
      setPassive(event, false);
      if (isStopped(event)) break;
    }
    event.currentTarget = null;
    end(event);
    return !event.defaultPrevented;
  }

  #call(event: Event, listener: Listener): void {
    try {
      watch(
        typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event),
      );
    } catch (error) {
      reportError(error);
    }
  }
}

tag(Event, 'Event');
tag(CustomEvent, 'CustomEvent');
tag(EventTarget, 'EventTarget');
