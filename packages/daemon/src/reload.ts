import { isDeepStrictEqual } from 'node:util';
import { type Logger, PopmeshError } from '@popmesh/contracts';
import { snakeCase } from './config-lines.ts';
import { isTree } from './config-tree.ts';

/**
 * SIGHUP: the configuration is read again, and what can change in a running daemon does. One that
 * cannot be read changes nothing. Refused: watching the files, which takes over half of an edit.
 */

export interface Reloaded {
  /** Keys as the author writes them, such as `auth.revoked_token_ids`. */
  readonly changed: readonly string[];
  /** Changed in the file, and in use only after a restart. */
  readonly needRestart: readonly string[];
}

/** `reload` answers undefined while the start is not through, and where nothing can be reloaded. */
export function onHangUp(
  name: string,
  logger: Logger,
  reload: () => (() => Promise<Reloaded>) | undefined,
): void {
  let isRunning = false;
  let again = false;
  const run = async (): Promise<void> => {
    const now = reload();
    if (now === undefined) {
      logger.warn(`${name}: SIGHUP is ignored: there is nothing to reload now`);
      return;
    }
    try {
      const { changed, needRestart } = await now();
      const line = { changed, needRestart };
      if (needRestart.length === 0) logger.info(`${name}: reloaded on SIGHUP`, line);
      else logger.warn(`${name}: reloaded on SIGHUP; some of it needs a restart`, line);
    } catch (caught) {
      const error = PopmeshError.from(caught);
      logger.error(`${name}: SIGHUP changed nothing, the old settings stay`, { error });
    }
  };
  process.on('SIGHUP', async () => {
    // Many signals during one reload are one more reload: the last file counts.
    again = isRunning;
    if (isRunning) return;
    isRunning = true;
    do {
      again = false;
      await run();
    } while (again);
    isRunning = false;
  });
}

/** Which keys differ, told as `listen.api_port`. */
export function changedKeys(before: unknown, after: unknown, path = ''): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isTree(before) || !isTree(after)) return [path];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => {
    const name = snakeCase(key);
    return changedKeys(before[key], after[key], path === '' ? name : `${path}.${name}`);
  });
}

/** Parts the changed keys by whether one of `reloadable`, or what is below it, has them. */
export function reloadedOf(before: object, after: object, reloadable: readonly string[]): Reloaded {
  const isReloadable = (key: string): boolean =>
    reloadable.some((name) => key === name || key.startsWith(`${name}.`));
  const keys = changedKeys(before, after);
  return {
    changed: keys.filter(isReloadable),
    needRestart: keys.filter((key) => !isReloadable(key)),
  };
}
