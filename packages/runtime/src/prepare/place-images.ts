import type { Skeleton } from './skeleton.ts';
import type { PreparedImage } from './store.ts';

/**
 * Which of the transpiler's core modules is which module of the skeleton: by their bytes, since
 * it hands the component's own on as they are and numbers them its own way.
 */

export interface PlacedImage {
  readonly prepared: PreparedImage;
  /** The segments' file and its content, where the image has a memory. */
  readonly file: string | undefined;
  readonly bytes: Uint8Array;
}

/** Undefined where one is not found exactly once: then nothing may be taken out of it. */
export function placeImages(
  skeleton: Skeleton,
  files: ReadonlyMap<string, Uint8Array>,
): PlacedImage[] | undefined {
  const placed: PlacedImage[] = [];
  const taken = new Set<string>();
  for (const { bytes, image } of skeleton.modules) {
    const names = [...files].filter(([, content]) => Buffer.compare(content, bytes) === 0);
    const name = names[0]?.[0];
    if (names.length !== 1 || name === undefined || taken.has(name)) return undefined;
    taken.add(name);
    const { memory, globals } = image;
    const file = memory === undefined ? undefined : `${name}.image`;
    placed.push({
      prepared: {
        module: name,
        globals,
        ...(memory === undefined || file === undefined
          ? {}
          : {
              memory: {
                name: memory.name,
                pages: memory.pages,
                file,
                segments: memory.segments.map((segment) => ({
                  offset: segment.offset,
                  sizeBytes: segment.bytes.length,
                })),
              },
            }),
      },
      file,
      bytes: Buffer.concat((memory?.segments ?? []).map((segment) => segment.bytes)),
    });
  }
  return placed;
}
