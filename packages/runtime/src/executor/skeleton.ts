import { createHash } from 'node:crypto';
import { GLUE_FILE } from '../prepare/generate-options.ts';
import { type PreparedFile, type PreparedManifest, readFiles } from '../prepare/store.ts';
import type { DoorName } from '../worker/door.ts';

/**
 * What components have in common, known by its content: the core modules without what is in
 * their memories, and the glue. Of all functions that were built with one engine it is the same.
 */

export const commonFiles = ({ files }: PreparedManifest): PreparedFile[] =>
  files.filter(({ name }) => name === GLUE_FILE || name.endsWith('.wasm'));

export function skeletonDigest(
  door: DoorName,
  files: readonly Pick<PreparedFile, 'name' | 'sha256'>[],
): string {
  const content = files.map(({ name, sha256 }) => [name, sha256]);
  return createHash('sha256')
    .update(JSON.stringify([door, content]))
    .digest('hex');
}

/** A skeleton with its bytes and nothing of any function, as a blank process gets it. */
export interface SkeletonCode {
  readonly door: DoorName;
  readonly files: readonly {
    readonly name: string;
    readonly sha256: string;
    readonly bytes: Uint8Array;
  }[];
  /** Which modules have an image; of what is in it only the least size that a memory has. */
  readonly images: readonly {
    readonly module: string;
    readonly memory?: { readonly name: string; readonly pages: number };
  }[];
}

/** Verified. */
export async function readCommon(
  directory: string,
  common: readonly PreparedFile[],
): Promise<SkeletonCode['files']> {
  const contents = await readFiles(directory, common);
  return common.map(({ name, sha256 }) => {
    return { name, sha256, bytes: contents.get(name) ?? new Uint8Array(0) };
  });
}
