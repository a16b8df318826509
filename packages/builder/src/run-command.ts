import { spawn } from 'node:child_process';
import { kill } from 'node:process';
import { PopmeshError } from '@popmesh/contracts';

/** The author's own `build.command`, in the project's folder; it runs with the author's rights. */

export const COMMAND_DEADLINE_MS = 600_000;
const OUTPUT_SHOWN_MAX = 4000;

/** Throws `build_failed` with the end of what the command printed. */
export async function runCommand(
  command: string,
  folder: string,
  signal: AbortSignal,
  deadlineMs = COMMAND_DEADLINE_MS,
): Promise<void> {
  signal.throwIfAborted();
  // Its own process group, so that what it started ends with it.
  const child = spawn(command, {
    cwd: folder,
    shell: true,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-OUTPUT_SHOWN_MAX);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const deadline = AbortSignal.timeout(deadlineMs);
  const either = AbortSignal.any([signal, deadline]);
  let closed = false;
  try {
    const ended = await new Promise<string | undefined>((resolve, reject) => {
      either.addEventListener('abort', () => reject(either.reason), { once: true });
      child.once('error', reject);
      child.once('close', (status, killedBy) => {
        closed = true;
        resolve(status === 0 ? undefined : `${killedBy ?? `status ${status}`}`);
      });
    });
    if (ended === undefined) return;
    throw new PopmeshError(
      'build_failed',
      `build.command ended with ${ended}: ${command}\n\n${output.trim()}`,
    );
  } catch (caught) {
    // Until it is closed the group has somebody, if only what the command left in the background.
    if (child.pid !== undefined && !closed) endGroup(child.pid);
    if (signal.aborted || !deadline.aborted) throw caught;
    throw new PopmeshError(
      'build_failed',
      `build.command did not end within ${deadlineMs} ms: ${command}`,
      {
        details: { limit: 'command_deadline_ms', max: deadlineMs },
      },
    );
  }
}

function endGroup(pid: number): void {
  try {
    kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
