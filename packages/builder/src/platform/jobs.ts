import { reportError, watch } from './report.ts';

/**
 * Callbacks that the engine runs by itself, `queueMicrotask` and `FinalizationRegistry`: what one
 * throws would be a trap there, and the end of every request in the instance.
 */

const engineQueueMicrotask = globalThis.queueMicrotask;
const EngineFinalizationRegistry = globalThis.FinalizationRegistry;

export function queueMicrotask(callback: () => unknown): void {
  requireFunction(callback);
  engineQueueMicrotask(() => guarded(callback));
}

export class PlatformFinalizationRegistry<T> extends EngineFinalizationRegistry<T> {
  constructor(callback: (held: T) => unknown) {
    requireFunction(callback);
    super((held) => guarded(() => callback(held)));
  }
}

function guarded(callback: () => unknown): void {
  try {
    watch(callback());
  } catch (error) {
    reportError(error);
  }
}

function requireFunction(callback: unknown): void {
  if (typeof callback !== 'function') throw new TypeError('The callback is not a function');
}
