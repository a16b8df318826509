import type { Clock } from '@popmesh/contracts';
import type { ComponentCode, MemoryImage } from './component-code.ts';
import { codeCacheOf } from './glue.ts';
import { readImage } from './memory-image.ts';
import { CELL, type KeepMessage } from './wire.ts';

const IMAGES_AFTER_MS = 250;
/** Looked this often whether a request was served, and no more than that many times. */
const LOOK_MS = 250;
const LOOKS_MAX = 240;

/**
 * Gives the HTTP thread, for the workers after this one, the function's image in memory and,
 * when requests were served, what V8 compiled of the glue. Some milliseconds of this function's
 * own thread, and not while its first request waits.
 */
export function giveBack(options: {
  readonly code: ComponentCode;
  readonly cells: Int32Array<SharedArrayBuffer>;
  readonly clock: Clock;
  readonly reply: (message: KeepMessage) => void;
}): void {
  const { code, cells, clock, reply } = options;
  const wanted = code.images.flatMap(({ memory }) =>
    memory === undefined || memory.bytes !== undefined ? [] : [memory],
  );
  if (wanted.length > 0) {
    clock.setTimer(IMAGES_AFTER_MS, () => {
      reply({ type: 'keep', codeCache: undefined, images: wanted.flatMap(readAgain) });
    });
  }
  if (code.glue.codeCache !== undefined) return;
  const look = (left: number): void => {
    if (Atomics.load(cells, CELL.started) === 0) {
      if (left > 0) clock.setTimer(LOOK_MS, () => look(left - 1));
      return;
    }
    reply({ type: 'keep', codeCache: codeCacheOf(code.glue.digest), images: [] });
  };
  clock.setTimer(LOOK_MS, () => look(LOOKS_MAX));
}

function readAgain(image: MemoryImage): [string, SharedArrayBuffer][] {
  try {
    return [[image.path, readImage(image)]];
  } catch {
    // Whoever needs it next finds the damage, and has it repaired.
    return [];
  }
}
