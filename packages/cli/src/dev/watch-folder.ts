import { sep } from 'node:path';
import { watch } from 'chokidar';

/** Tells when a save has come to rest in a function's folder. */

const SETTLE_MS = 150;
const LEFT_OUT = new Set(['node_modules', '.popmesh', '.git', 'target', 'dist']);

/**
 * Answers how to stop. `onChange` is not called again before it has resolved, and has resolved
 * when the stop has. `onError`: no more watches to be had, most of the time.
 */
export function watchFolder(
  folder: string,
  onChange: () => Promise<void>,
  onError: (error: unknown) => void,
): () => Promise<void> {
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
  let stopped = false;
  const run = (): void => {
    if (stopped) return;
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
  watcher.on('error', onError);
  return async () => {
    stopped = true;
    await watcher.close();
    clearTimeout(timer);
    await running;
  };
}
