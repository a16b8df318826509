import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PopmeshError } from '@popmesh/contracts';
import type { ComponentizeAnswer, ComponentizeRequest } from './componentize-child.ts';
import { evaluationError } from './evaluation-error.ts';

/**
 * Bundle → component, with a deadline: the author's top-level code runs here
 * once, before the snapshot, and may never end.
 */

/** An ordinary build takes 0.6 to 2.5 s, a portable one 10; slow and busy machines get ten times that. */
export const COMPONENTIZE_DEADLINE_MS = 100_000;
const OUTPUT_BYTES_MAX = 64 * 1024;

const CHILD = fileURLToPath(new URL('./componentize-child.ts', import.meta.url));
/** The world is fixed with the protocol; see proto/wit/function.wit. */
export const WIT_PATH = fileURLToPath(new URL('../../../proto/wit/function.wit', import.meta.url));

export interface ComponentizeOptions {
  readonly code: string;
  readonly sourceMap: string;
  readonly main: string;
  readonly deadlineMs: number;
}

/** Throws `build_failed`, and the signal's reason when aborted. */
export async function componentizeBundle(
  { code, sourceMap, main, deadlineMs }: ComponentizeOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  const child = fork(CHILD, [], {
    env: {},
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    const request: ComponentizeRequest = { source: code, witPath: WIT_PATH, world: 'function' };
    const answer = await exchange(child, request, AbortSignal.any([signal, deadline]));
    if ('component' in answer) return answer.component;
    throw evaluationError(answer.error, code, sourceMap, main);
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
    child.kill('SIGKILL');
  }
}

/** One request to a one-shot child, one answer; the caller ends the child. */
export function exchange(
  child: ChildProcess,
  request: object,
  signal: AbortSignal,
): Promise<ComponentizeAnswer> {
  return new Promise((resolve, reject) => {
    let output = '';
    const keep = (chunk: Buffer) => {
      if (output.length < OUTPUT_BYTES_MAX) output += chunk.toString('utf8');
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    // It may have been while the caller made ready, and then says so no more.
    if (signal.aborted) reject(signal.reason);
    child.once('error', reject);
    child.once('message', (answer) => resolve(answer as ComponentizeAnswer));
    // Not `exit`, which may come while the answer still waits to be read.
    child.once('close', (status, killedBy) => {
      const tail = output.trim().slice(-2000);
      reject(
        new PopmeshError(
          'build_failed',
          `the componentizer ended with ${killedBy ?? status}${tail === '' ? '' : `: ${tail}`}`,
        ),
      );
    });
    child.send(request, (error) => {
      if (error) reject(error);
    });
  });
}
