import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TAIL_BYTES_MAX = 2048;

/** The last lines of a child's log, for the error that says why it ended. Empty when unreadable. */
export function fileTail(file: string): string {
  try {
    const handle = openSync(file, 'r');
    try {
      const { size } = fstatSync(handle);
      const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES_MAX));
      readSync(handle, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8').trim();
    } finally {
      closeSync(handle);
    }
  } catch {
    return '';
  }
}
