import { errorName, outcome } from '../areas/area.ts';
import type { Programs } from './programs.ts';

/** Reasons on their way through signals, and what EventTarget promises. */

const reasonOf = (signal: AbortSignal): unknown => [signal.aborted, errorName(signal.reason)];

export const abortPrograms: Programs = {
  'abort: without a reason it is an AbortError': () => {
    const controller = new AbortController();
    controller.abort();
    const { reason } = controller.signal;
    return [reason instanceof DOMException, reason.name, reason.code, reason instanceof Error];
  },
  'abort: undefined is no reason': () => {
    const controller = new AbortController();
    controller.abort(undefined);
    return reasonOf(controller.signal);
  },
  'abort: null and falsy reasons stay': () =>
    [null, 0, '', false].map((reason) => {
      const controller = new AbortController();
      controller.abort(reason);
      return [controller.signal.aborted, controller.signal.reason];
    }),
  'abort: the first reason stays': () => {
    const controller = new AbortController();
    controller.abort('one');
    controller.abort('two');
    return controller.signal.reason;
  },
  'abort: the event comes once, in order': () => {
    const log: unknown[] = [];
    const controller = new AbortController();
    const { signal } = controller;
    signal.addEventListener('abort', () => log.push('listener'));
    signal.onabort = () => log.push('onabort');
    signal.addEventListener('abort', (event) => log.push([event.isTrusted, event.bubbles]));
    controller.abort();
    controller.abort();
    return log;
  },
  'abort: within a listener it is aborted already': () => {
    const controller = new AbortController();
    const log: unknown[] = [];
    controller.signal.onabort = () =>
      log.push([controller.signal.aborted, controller.signal.reason]);
    controller.abort('r');
    return log;
  },
  'throwIfAborted throws the very reason': () => {
    const reason = { own: true };
    try {
      AbortSignal.abort(reason).throwIfAborted();
    } catch (error) {
      return error === reason;
    }
    return 'did not throw';
  },
  'timeout: a TimeoutError, later': async () => {
    const signal = AbortSignal.timeout(1);
    const before = signal.aborted;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return [before, reasonOf(signal), signal.reason.code];
  },
  'timeout: no number': () => outcome(() => AbortSignal.timeout('x' as never).aborted),
  'timeout: a number below zero': () => outcome(() => AbortSignal.timeout(-1).aborted),
  'any: of none is never': () => AbortSignal.any([]).aborted,
  'any: of one that was aborted': () =>
    reasonOf(
      AbortSignal.any([
        new AbortController().signal,
        AbortSignal.abort('a'),
        AbortSignal.abort('b'),
      ]),
    ),
  'any: follows the first': () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const signal = AbortSignal.any([a.signal, b.signal]);
    b.abort('b');
    a.abort('a');
    return [signal.aborted, signal.reason];
  },
  'any: of any': () => {
    const a = new AbortController();
    const signal = AbortSignal.any([AbortSignal.any([a.signal]), new AbortController().signal]);
    const log: unknown[] = [];
    signal.addEventListener('abort', () => log.push('outer'));
    a.signal.addEventListener('abort', () => log.push('inner'));
    a.abort('x');
    return [signal.reason, log];
  },
  'any: the reason is the same object': () => {
    const a = new AbortController();
    const signal = AbortSignal.any([a.signal]);
    a.abort();
    return signal.reason === a.signal.reason;
  },
  'any: what is no signal': () => outcome(() => AbortSignal.any([{} as AbortSignal])),
  'signal: cannot be made': () => outcome(() => new (AbortSignal as unknown as new () => object)()),
  'fetch: with a signal that was aborted, its very reason': async () => {
    const reason = new RangeError('mine');
    try {
      await fetch('http://a.test/', { signal: AbortSignal.abort(reason) });
    } catch (error) {
      return error === reason;
    }
    return 'no error';
  },
  'fetch: with a Request whose signal was aborted': async () => {
    const request = new Request('http://a.test/', { signal: AbortSignal.abort('gone') });
    return await outcome(() => fetch(request));
  },
  'request: its signal is another, that follows': () => {
    const controller = new AbortController();
    const request = new Request('http://a.test/', { signal: controller.signal });
    const different = request.signal !== controller.signal;
    controller.abort('r');
    return [different, request.signal.aborted, request.signal.reason];
  },
  'request: null takes the signal away': () => {
    const controller = new AbortController();
    const first = new Request('http://a.test/', { signal: controller.signal });
    const second = new Request(first, { signal: null });
    controller.abort();
    return [first.signal.aborted, second.signal.aborted];
  },
  'listener: removed by a signal': () => {
    const log: unknown[] = [];
    const target = new EventTarget();
    const controller = new AbortController();
    target.addEventListener('x', () => log.push('heard'), { signal: controller.signal });
    target.dispatchEvent(new Event('x'));
    controller.abort();
    target.dispatchEvent(new Event('x'));
    return log;
  },
  'listener: with a signal that was aborted it is not added': () => {
    const log: unknown[] = [];
    const target = new EventTarget();
    target.addEventListener('x', () => log.push('heard'), { signal: AbortSignal.abort() });
    target.dispatchEvent(new Event('x'));
    return log;
  },
  'listener: the same one is there once': () => {
    let count = 0;
    const listener = (): void => void count++;
    const target = new EventTarget();
    target.addEventListener('x', listener);
    target.addEventListener('x', listener, { once: true });
    target.dispatchEvent(new Event('x'));
    target.dispatchEvent(new Event('x'));
    return count;
  },
  'listener: an object with handleEvent': () => {
    const log: unknown[] = [];
    const listener = {
      handleEvent(event: Event) {
        log.push([this === listener, event.type]);
      },
    };
    const target = new EventTarget();
    target.addEventListener('x', listener);
    target.dispatchEvent(new Event('x'));
    target.removeEventListener('x', listener);
    target.dispatchEvent(new Event('x'));
    return log;
  },
  'listener: added while it is dispatched, heard the next time': () => {
    const log: unknown[] = [];
    const target = new EventTarget();
    target.addEventListener(
      'x',
      () => {
        log.push('first');
        target.addEventListener('x', () => log.push('late'));
      },
      { once: true },
    );
    target.dispatchEvent(new Event('x'));
    log.push('again');
    target.dispatchEvent(new Event('x'));
    return log;
  },
  'listener: removed while it is dispatched, not heard': () => {
    const log: unknown[] = [];
    const target = new EventTarget();
    const second = (): void => void log.push('second');
    target.addEventListener('x', () => target.removeEventListener('x', second));
    target.addEventListener('x', second);
    target.dispatchEvent(new Event('x'));
    return log;
  },
  'event: one that is on its way is refused': () => {
    const target = new EventTarget();
    const log: unknown[] = [];
    const event = new Event('x');
    target.addEventListener('x', () => {
      try {
        target.dispatchEvent(event);
      } catch (error) {
        log.push(errorName(error));
      }
    });
    target.dispatchEvent(event);
    return log;
  },
  'event: passive listeners cannot prevent': () => {
    const target = new EventTarget();
    target.addEventListener('x', (event) => event.preventDefault(), { passive: true });
    const event = new Event('x', { cancelable: true });
    return [target.dispatchEvent(event), event.defaultPrevented];
  },
  'event: what it says of itself': () => {
    const event = new Event('x', { bubbles: true, cancelable: true, composed: true });
    return [
      event.type,
      event.bubbles,
      event.cancelable,
      event.composed,
      event.eventPhase,
      event.target,
      event.composedPath(),
      event.returnValue,
      event.cancelBubble,
    ];
  },
  'event: detail of a CustomEvent': () => [
    new CustomEvent('x').detail,
    new CustomEvent('x', { detail: [1] }).detail,
  ],
  'event: without a type': () => outcome(() => new (Event as unknown as new () => Event)().type),
};
