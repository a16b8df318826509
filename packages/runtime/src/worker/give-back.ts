import type { Clock } from '@popmesh/contracts';
import type { ComponentCode, MemoryImage } from './component-code.ts';
import { codeCacheOf } from './glue.ts';
import { readImage } from './memory-image.ts';
import type { RequestLoop } from './request-loop.ts';
import { CELL, type KeepMessage } from './wire.ts';

/** Looked this often whether there is time for it, and no more than that many times. */
const LOOK_MS = 250;
const LOOKS_MAX = 240;

/**
 * Gives the HTTP thread, for the workers after this one, the function's image in memory and,
 * when requests were served, what V8 compiled of the glue. Some milliseconds of this function's
 * own thread, while no request of it runs, so that none is delayed or charged.
 */
export function giveBack(options: {
  readonly code: ComponentCode;
  readonly loop: Pick<RequestLoop, 'running'>;
  readonly cells: Int32Array<SharedArrayBuffer>;
  readonly clock: Clock;
  readonly reply: (message: KeepMessage) => void;
}): void {
  const { code, loop, cells, clock, reply } = options;
  let images = code.images.flatMap(({ memory }) =>
    memory === undefined || memory.bytes !== undefined ? [] : [memory],
  );
  let wantsCache = code.glue.codeCache === undefined;
  const look = (left: number): void => {
    const isIdle = loop.running.size === 0;
    if (isIdle && images.length > 0) {
      reply({ type: 'keep', codeCache: undefined, images: images.flatMap(readAgain) });
      images = [];
    }
    if (isIdle && wantsCache && Atomics.load(cells, CELL.started) > 0) {
      reply({ type: 'keep', codeCache: codeCacheOf(code.glue.digest), images: [] });
      wantsCache = false;
    }
    if (left > 0 && (wantsCache || images.length > 0)) lookLater(left - 1);
  };
  const lookLater = (left: number): void => void clock.setTimer(LOOK_MS, () => look(left));
  lookLater(LOOKS_MAX);
}

function readAgain(image: MemoryImage): [string, SharedArrayBuffer][] {
  try {
    return [[image.path, readImage(image)]];
  } catch {
    // Whoever needs it next finds the damage, and has it repaired.
    return [];
  }
}
