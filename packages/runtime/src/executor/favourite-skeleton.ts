import { type ComponentCode, type ModuleImage, mayBeBlank } from '../worker/component-code.ts';
import type { DoorName } from '../worker/door.ts';
import { imageEnd } from '../worker/memory-image.ts';
import type { MakeReadyMessage } from '../worker/wire.ts';

/**
 * What blank workers are made ready for: the skeleton of which most functions were started
 * lately. Mostly there is one, that of all JavaScript functions.
 */

/** Skeletons that a blank worker did not come to an end with; the oldest goes. */
const REFUSED_MAX = 64;
/** Starts after which all counts are halved; what has none left is forgotten. */
const WINDOW_STARTS = 64;

interface Counted {
  starts: number;
  message: MakeReadyMessage;
}

export class FavouriteSkeleton {
  readonly #counted = new Map<string, Counted>();
  readonly #refused = new Set<string>();
  /** By the daemon, before there was any function: for good. */
  #expected: string | undefined;
  #starts = 0;

  started(code: ComponentCode, door: DoorName): void {
    // An instance of the other door knows all of its context when it is made; and where code of
    // the guest runs while it is instantiated, nothing is, before a request pays for it.
    if (door !== 'popmesh:function' || !mayBeBlank(code)) return;
    if (this.#refused.has(code.skeleton)) return;
    const held = this.#counted.get(code.skeleton);
    const message: MakeReadyMessage = {
      type: 'make-ready',
      door,
      // With what V8 has compiled by now.
      code: { ...code, images: smallest(code.images, held?.message), sourceMap: undefined },
    };
    this.#counted.set(code.skeleton, { message, starts: (held?.starts ?? 0) + 1 });
    if (++this.#starts < WINDOW_STARTS) return;
    this.#starts = 0;
    for (const [skeleton, counted] of this.#counted) {
      counted.starts = Math.floor(counted.starts / 2);
      if (counted.starts === 0) this.#counted.delete(skeleton);
    }
  }

  /** Until another one is started. */
  expect(message: MakeReadyMessage): void {
    if (!mayBeBlank(message.code)) return;
    this.#expected = message.code.skeleton;
    this.#counted.set(message.code.skeleton, { message, starts: 0 });
  }

  /** Not again in this process. */
  refuse(skeleton: string): void {
    this.#counted.delete(skeleton);
    this.#refused.add(skeleton);
    for (const oldest of this.#refused) {
      if (this.#refused.size <= REFUSED_MAX) break;
      this.#refused.delete(oldest);
    }
  }

  /** No function has any other than these. */
  keepOnly(skeletons: ReadonlySet<string>): void {
    for (const skeleton of this.#counted.keys()) {
      if (skeleton !== this.#expected && !skeletons.has(skeleton)) this.#counted.delete(skeleton);
    }
  }

  has(skeleton: string): boolean {
    return this.#counted.has(skeleton);
  }

  get message(): MakeReadyMessage | undefined {
    let most: Counted | undefined;
    for (const counted of this.#counted.values()) {
      if (most === undefined || counted.starts > most.starts) most = counted;
    }
    return most?.message;
  }
}

/**
 * Which modules have an image, and nothing of what is in it but how far it reaches and the size of
 * the memory: the smallest seen, since a memory can be made larger later and never smaller.
 */
function smallest(
  images: readonly ModuleImage[],
  before: MakeReadyMessage | undefined,
): ModuleImage[] {
  return images.map(({ module, memory }) => {
    if (memory === undefined) return { module, globals: [] };
    const held = before?.code.images.find((image) => image.module === module)?.memory;
    const pages = Math.min(memory.pages, held?.pages ?? memory.pages);
    // What the daemon lets expect says nothing of it.
    const isKnown = held !== undefined && held.segments.length > 0;
    const end = Math.min(imageEnd(memory), isKnown ? imageEnd(held) : Infinity);
    const { bytes: _, ...rest } = memory;
    const segments = [{ offset: 0, sizeBytes: end }];
    return { module, globals: [], memory: { ...rest, pages, segments } };
  });
}
