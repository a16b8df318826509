import { fork } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kill } from 'node:process';
import { fileURLToPath } from 'node:url';
import { PopmeshError } from '@popmesh/contracts';
import { type ComponentizeOptions, exchange } from '../componentize.ts';
import { evaluationError } from '../evaluation-error.ts';
import type { StarlingMonkeyRequest } from './componentize-child.ts';
import { STANDARD_WORLD, standardWorld } from './standard-world.ts';

/**
 * `engine = "starlingmonkey"`: the same source as a standard `wasi:http` component, which
 * other hosts run, too. About 14 MB and one request at a time per instance, against 1 MB and
 * many with QuickJS: portable, not fast.
 */

export const ADAPTER_ENTRY = fileURLToPath(new URL('./adapter.ts', import.meta.url));
/** What the adapter imports, and the engine provides. */
export const ADAPTER_EXTERNAL = /^wasi:/;

const CHILD = fileURLToPath(new URL('./componentize-child.ts', import.meta.url));

/** Throws `build_failed`, and the signal's reason when aborted. */
export async function componentizePortable(
  { code, sourceMap, main, deadlineMs }: ComponentizeOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), 'popmesh-starlingmonkey-'));
  const deadline = AbortSignal.timeout(deadlineMs);
  let pid: number | undefined;
  try {
    const sourcePath = join(folder, 'function.js');
    await writeFile(sourcePath, code);
    // Its working files go where they are removed, also when it is ended in the middle.
    const temporary = join(folder, 'tmp');
    await mkdir(temporary);
    const child = fork(CHILD, [], {
      env: { TMPDIR: temporary },
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    pid = child.pid;
    const request: StarlingMonkeyRequest = {
      sourcePath,
      world: await standardWorld(),
      worldName: STANDARD_WORLD,
    };
    const answer = await exchange(child, request, AbortSignal.any([signal, deadline]));
    if ('component' in answer) return answer.component;
    throw evaluationError(ownWords(answer.error), code, sourceMap, main, PLACE);
  } catch (caught) {
    if (signal.aborted || !deadline.aborted) throw caught;
    throw new PopmeshError(
      'build_failed',
      `${main}: the module's top-level code did not end within ${deadlineMs} ms`,
      {
        hint: 'Code outside of the handler runs once, at build time: look for an endless loop there.',
        details: { limit: 'componentize_deadline_ms', max: deadlineMs },
      },
    );
  } finally {
    if (pid !== undefined) endGroup(pid);
    // The ended ones may still be letting go of their files: up to 4 s, on a busy machine.
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 20 });
  }
}

const PLACE = /function\.js:(\d+):(\d+)/g;

/** Of a report of several lines, the one that says what was thrown; the places follow it. */
function ownWords(report: string): string {
  const [, thrown] =
    /Exception while evaluating top-level script\n(?:\S+:\d+:\d+ )?(.+)/.exec(report) ?? [];
  return thrown === undefined ? report : `${thrown}\n    at ${report}`;
}

function endGroup(pid: number): void {
  try {
    kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
