import { randomUUID } from 'node:crypto';
import { link, open, rm } from 'node:fs/promises';

/**
 * A file that was not there before, whole or not at all. Refused: `wx` alone, which shows an
 * empty file while it is being written, and leaves half a key where the writer was killed.
 * Throws what the system throws, `EEXIST` for one that is there.
 */
export async function writeNewFile(file: string, text: string, mode: number): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}
