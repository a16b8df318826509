import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { PopmeshError } from '@popmesh/contracts';
import type { MemoryImage, ModuleImage } from './component-code.ts';

/**
 * Writes into a fresh instance of a core module what preparing took out of the module: its
 * memory's content, its variables (prepare/module-image.ts).
 *
 * The first worker of a process that needs an image reads it from disk, straight into the
 * linear memory, and verifies it there, before any guest runs: it has nothing else to do
 * meanwhile, while the HTTP thread serves everybody.
 */

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export type CoreExports = Readonly<Record<string, unknown>>;

const PAGE_BYTES = 65_536;
const OS_PAGE_BYTES = 4_096;
const STACK_TOP_BYTES = 256 * 1024;

export function writeImage({ memory, globals }: ModuleImage, exports: CoreExports): void {
  for (const { name, value } of globals) (exports[name] as { value: number }).value = value;
  if (memory === undefined) return;
  const { buffer } = grown(memory, exports);
  const places = memory.segments.map(
    ({ offset, sizeBytes }) => new Uint8Array(buffer, offset, sizeBytes),
  );
  if (memory.bytes === undefined) {
    readInto(memory, places);
    return;
  }
  let at = 0;
  for (const place of places) {
    place.set(new Uint8Array(memory.bytes, at, place.length));
    at += place.length;
  }
}

/** Whether the instance's memory is no larger than the image's. */
export function isRoomFor({ memory }: ModuleImage, exports: CoreExports): boolean {
  if (memory === undefined) return true;
  const { buffer } = exports[memory.name] as Memory;
  return buffer.byteLength <= memory.pages * PAGE_BYTES;
}

/**
 * Has the kernel give the pages now that an image fills and a first request uses; they stay zero.
 * Behind the image lies a stack, which begins at the end of the memory: of its depth nobody has
 * need as a rule.
 */
export function touchMemory({ memory }: ModuleImage, exports: CoreExports): void {
  if (memory === undefined) return;
  const bytes = new Uint8Array(grown(memory, exports).buffer);
  const touch = (from: number, to: number): void => {
    for (let at = from; at < to; at += OS_PAGE_BYTES) bytes[at] = bytes[at] ?? 0;
  };
  const end = memory.segments.length === 0 ? bytes.length : imageEnd(memory);
  touch(0, end);
  touch(Math.max(end, bytes.length - STACK_TOP_BYTES), bytes.length);
}

/** Behind its last byte. */
export const imageEnd = ({ segments }: MemoryImage): number =>
  segments.reduce((end, { offset, sizeBytes }) => Math.max(end, offset + sizeBytes), 0);

/** In memory that all threads see; kept for this worker's next instances, too. */
export function readImage(image: MemoryImage): SharedArrayBuffer {
  if (image.bytes === undefined) {
    const bytes = new SharedArrayBuffer(image.sizeBytes);
    readInto(image, [new Uint8Array(bytes)]);
    image.bytes = bytes;
  }
  return image.bytes;
}

function grown(image: MemoryImage, exports: CoreExports): Memory {
  const memory = exports[image.name] as Memory;
  const missing = image.pages - memory.buffer.byteLength / PAGE_BYTES;
  if (missing > 0) memory.grow(missing);
  return memory;
}

/** Throws `digest_mismatch` where the file is not what was prepared. */
function readInto(image: MemoryImage, places: readonly Uint8Array<ArrayBufferLike>[]): void {
  try {
    const digest = createHash('sha256');
    const file = openSync(image.path, 'r');
    try {
      let from = 0;
      for (const place of places) {
        for (let at = 0; at < place.length; ) {
          const read = readSync(file, place, at, place.length - at, from);
          if (read === 0) throw new Error('it is too short');
          at += read;
          from += read;
        }
        digest.update(place);
      }
    } finally {
      closeSync(file);
    }
    if (digest.digest('hex') !== image.sha256) throw new Error('it is something else');
  } catch (cause) {
    throw new PopmeshError('digest_mismatch', 'A prepared component on disk is damaged', { cause });
  }
}
