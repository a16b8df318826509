import { sep } from 'node:path';
import { watch } from 'chokidar';

/** Tells when a save has come to rest in a function's folder. */

const SETTLE_MS = 150;
const LEFT_OUT = new Set(['node_modules', '.popmesh', '.git', 'target', 'dist']);

/** Answers how to stop. `onChange` is not called again before it has resolved. */
export function watchFolder(folder: string, onChange: () => Promise<void>): () => Promise<void> {
  const watcher = watch(folder, {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) =>
      path
        .slice(folder.length)
        .split(sep)
        .some((part) => LEFT_OUT.has(part)),
  });
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  const run = (): void => {
    if (running !== undefined) {
      again = true;
      return;
    }
    running = onChange().finally(() => {
      running = undefined;
      if (again) {
        again = false;
        run();
      }
    });
  };
  watcher.on('all', () => {
    clearTimeout(timer);
    timer = setTimeout(run, SETTLE_MS);
  });
  return async () => {
    clearTimeout(timer);
    again = false;
    await watcher.close();
  };
}
