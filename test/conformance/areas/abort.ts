import { abortPrograms } from '../written/abort.ts';
import { runOf } from '../written/programs.ts';
import { type Area, errorName } from './area.ts';

type Step =
  | ['abort', number, string | null]
  | ['listen' | 'once' | 'throw', number]
  | ['any', number[]];

/** A program over controllers and signals made of them; the order of everything that is told. */
export const abort: Area = {
  written: runOf(abortPrograms),
  graph: ([count, steps]: [number, Step[]]) => {
    const log: unknown[] = [];
    const controllers = Array.from({ length: count }, () => new AbortController());
    const signals = controllers.map(({ signal }) => signal);
    for (const step of steps) {
      if (step[0] === 'any') {
        signals.push(
          AbortSignal.any(step[1].map((i) => signals[i % signals.length] as AbortSignal)),
        );
        continue;
      }
      const index = step[1] % signals.length;
      const signal = signals[index] as AbortSignal;
      if (step[0] === 'abort') {
        const controller = controllers[step[1] % controllers.length] as AbortController;
        if (step[2] === null) controller.abort();
        else controller.abort(step[2]);
      } else if (step[0] === 'throw') {
        try {
          signal.throwIfAborted();
          log.push('not yet');
        } catch (error) {
          log.push(errorName(error));
        }
      } else {
        const once = step[0] === 'once';
        signal.addEventListener(
          'abort',
          ({ type, target }) => {
            log.push([type, index, target === signal]);
          },
          { once },
        );
        signal.onabort = () => log.push(['on', index]);
      }
      log.push(signals.map(({ aborted, reason }) => [aborted, aborted && errorName(reason)]));
    }
    return log;
  },
  made: (reason: string | null) => {
    const signal = reason === null ? AbortSignal.abort() : AbortSignal.abort(reason);
    return [signal.aborted, errorName(signal.reason), Object.prototype.toString.call(signal)];
  },
  request: (reason: string) => {
    const controller = new AbortController();
    const request = new Request('http://a.test/', { signal: controller.signal });
    const copy = request.clone();
    controller.abort(reason);
    return [request.signal.aborted, request.signal.reason, copy.signal.aborted, copy.signal.reason];
  },
  events: (types: string[]) => {
    const log: unknown[] = [];
    const target = new EventTarget();
    types.forEach((type, index) => {
      target.addEventListener(
        type,
        (event) => {
          log.push([index, event.type, event instanceof CustomEvent, event.cancelable]);
          if (index % 3 === 1) event.stopImmediatePropagation();
          if (index % 3 === 2) event.preventDefault();
        },
        { once: index % 2 === 0 },
      );
    });
    for (const type of types) {
      log.push(target.dispatchEvent(new Event(type, { cancelable: type.length % 2 === 0 })));
      log.push(target.dispatchEvent(new CustomEvent(type, { detail: 1 })));
    }
    return log;
  },
};
