import { tag } from './define.ts';
import { Event, EventTarget } from './events.ts';
import { startTimer } from './timers.ts';

/** AbortController and AbortSignal; a request's own signal starts waiting when it is touched. */

const KEY = Symbol('only we make signals');

const abortError = (): unknown => new DOMException('This operation was aborted', 'AbortError');

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  #steps: Set<(reason: unknown) => void> | undefined = undefined;
  #dependents: Set<AbortSignal> | undefined = undefined;
  #sources: Set<AbortSignal> | undefined = undefined;
  #onabort: ((event: Event) => void) | null | undefined = undefined;

  constructor(key?: unknown) {
    if (key !== KEY) throw new TypeError('Illegal constructor');
    super();
  }

  get onabort(): ((event: Event) => void) | null {
    return this.#onabort ?? null;
  }
  /** Its turn among the listeners is that of the first function that was set. */
  set onabort(handler: ((event: Event) => void) | null) {
    const first = this.#onabort === undefined;
    this.#onabort = typeof handler === 'function' ? handler : null;
    if (first) this.addEventListener('abort', (event) => this.#onabort?.call(this, event));
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  static abort(reason: unknown = abortError()): AbortSignal {
    const signal = new AbortSignal(KEY);
    trigger(signal, reason);
    return signal;
  }

  static timeout(ms: number): AbortSignal {
    if (!(Math.trunc(ms) >= 0 && Math.trunc(ms) <= Number.MAX_SAFE_INTEGER)) {
      throw new TypeError('A number of milliseconds is needed');
    }
    const signal = new AbortSignal(KEY);
    startTimer(
      () => trigger(signal, new DOMException('The operation timed out', 'TimeoutError')),
      ms,
    );
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const all = [...signals];
    const result = new AbortSignal(KEY);
    const aborted = all.find((signal) => signal.#aborted);
    if (aborted !== undefined) {
      result.#aborted = true;
      result.#reason = aborted.#reason;
      return result;
    }
    for (const signal of all) {
      // A signal made by `any` is followed through what it follows itself.
      for (const source of signal.#sources ?? [signal]) {
        if (source.#dependents === undefined) source.#dependents = new Set();
        source.#dependents.add(result);
        if (result.#sources === undefined) result.#sources = new Set();
        result.#sources.add(source);
      }
    }
    return result;
  }

  static trigger(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted) return;
    signal.#aborted = true;
    signal.#reason = reason;
    // All are aborted before any listener runs, and their listeners run after ours.
    const dependents = [...(signal.#dependents ?? [])].filter((other) => !other.#aborted);
    signal.#dependents = undefined;
    for (const dependent of dependents) {
      dependent.#aborted = true;
      dependent.#reason = reason;
      for (const source of dependent.#sources ?? []) source.#dependents?.delete(dependent);
    }
    run(signal);
    for (const dependent of dependents) run(dependent);
  }

  static run(signal: AbortSignal): void {
    const steps = signal.#steps;
    signal.#steps = undefined;
    for (const step of steps ?? []) step(signal.#reason);
    const event = new Event('abort');
    event.isTrusted = true;
    signal.dispatchEvent(event);
  }

  /** Ours: run when it aborts, before listeners; answers how to stop waiting. */
  static onAbort(signal: AbortSignal, step: (reason: unknown) => void): () => void {
    if (signal.#steps === undefined) signal.#steps = new Set();
    const steps = signal.#steps;
    steps.add(step);
    return () => {
      steps.delete(step);
    };
  }
}

export const { trigger, onAbort } = AbortSignal;
const { run } = AbortSignal;
for (const name of ['trigger', 'onAbort', 'run']) Reflect.deleteProperty(AbortSignal, name);

export const createSignal = (): AbortSignal => new AbortSignal(KEY);

export class AbortController {
  readonly #signal = new AbortSignal(KEY);

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason: unknown = abortError()): void {
    trigger(this.#signal, reason);
  }
}

tag(AbortSignal, 'AbortSignal');
tag(AbortController, 'AbortController');
