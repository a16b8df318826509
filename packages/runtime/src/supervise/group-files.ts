import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import type { GroupFiles } from './control-groups.ts';

/** The kernel's own files. */
export const groupFiles: GroupFiles = {
  read: (path) => readFile(path, 'utf8').catch(() => undefined),
  write: (path, text) => writeFile(path, text, { flag: 'r+' }),
  mkdir: async (path) => void (await mkdir(path)),
  rmdir: (path) => rmdir(path),
  list: async (path) => {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  },
};
