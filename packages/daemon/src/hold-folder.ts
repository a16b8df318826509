import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PopmeshError } from '@popmesh/contracts';

/**
 * A data folder has one owner: two processes that append to the same files break each other's
 * chains, and nobody is told. The kernel keeps the lock (of an empty SQLite file, the one lock of
 * a file that Node can take), so that it ends with its process however that ends, and nothing is
 * ever stale. Refused: a file with a pid, which after a kill, a reboot or in a new container names
 * a stranger, and which two can take away at the same moment.
 */

const LOCK_FILE = 'owner.lock';
/** Only to name the owner: what counts is the lock. */
const PID_FILE = 'owner.pid';
const SQLITE_BUSY = 5;

/** Answers how to let go. Throws `folder_in_use` at once when another holds it. */
export function holdFolder(folder: string): () => void {
  const file = join(folder, LOCK_FILE);
  let lock: DatabaseSync | undefined;
  try {
    createPrivate(file);
    lock = new DatabaseSync(file, { timeout: 0 });
    // In memory: the journal of a lock would be one more file, left behind by a kill.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    lock?.close();
    throw (cause as { errcode?: number }).errcode === SQLITE_BUSY
      ? inUse(folder)
      : new PopmeshError('storage_failed', `cannot lock ${folder}: ${(cause as Error).message}`, {
          hint: 'The folder must be writable, and on a file system that has locks.',
          cause,
        });
  }
  try {
    writeFileSync(join(folder, PID_FILE), `${process.pid}\n`, { mode: 0o600 });
  } catch {
    // A full disk must not keep us from serving what is there; only our name is missing.
  }
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    // Before the lock goes: afterwards the name can be another's.
    rmSync(join(folder, PID_FILE), { force: true });
    lock.close();
  };
}

/** By us, so that its mode is ours; and only if new: closing a locked file frees the lock. */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code !== 'EEXIST') throw caught;
  }
}

function inUse(folder: string): PopmeshError {
  const pid = ownerOf(folder);
  return new PopmeshError(
    'folder_in_use',
    `${folder} is in use by ${pid === undefined ? 'another process' : `process ${pid}`}`,
    {
      hint: `End ${pid === undefined ? 'that process' : `it (kill ${pid})`}, or use another folder.`,
      details: pid === undefined ? { folder } : { folder, pid },
    },
  );
}

/** Undefined where it would name somebody else: it is not written yet, or is of another container. */
function ownerOf(folder: string): number | undefined {
  let pid = 0;
  try {
    pid = Number(readFileSync(join(folder, PID_FILE), 'utf8').trim());
    if (!(pid > 0)) return undefined;
    process.kill(pid, 0);
    return pid;
  } catch (caught) {
    return (caught as NodeJS.ErrnoException).code === 'EPERM' ? pid : undefined;
  }
}
