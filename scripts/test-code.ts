/**
 * The code of executors, stripped of its types once for all tests: every node that starts in a
 * fresh folder would else take half a second of a core for it. A node takes what it finds only
 * if it is of its own sources and whole, and makes its own otherwise.
 */
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';

export const CODE_VARIABLE = 'POPMESH_TEST_CODE';

/** `directory`: the runtime's folder in the data folder of a node that is about to start. */
export function placeCode(directory: string): void {
  const made = process.env[CODE_VARIABLE];
  const code = join(directory, 'code');
  if (made !== undefined && !existsSync(code)) cpSync(made, code, { recursive: true });
}
