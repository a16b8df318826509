import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of a code image: who makes it and who looks for it must agree on them. */

export const IMAGE_FILE = 'image.json';
export const LOADER_FILE = 'loader.mjs';
/** Written last: an image without it is not whole. */
export const DIGEST_FILE = 'digest';

export async function digestOfImage(directory: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of [IMAGE_FILE, LOADER_FILE]) hash.update(await readFile(join(directory, name)));
  return hash.digest('hex');
}
