import { PopmeshError, untilAborted } from '@popmesh/contracts';
import { type BuildContext, type BuildOptions, type BuildResult, context, stop } from 'esbuild';

/**
 * One run of esbuild that ends, at the latest at its deadline: what it reads may be
 * a pipe or a dead network folder. Refused: ending its process each time, which
 * all builds of this process share; that is left for a run that cannot be cancelled.
 */

/** An ordinary bundle takes 0.05 to 2 s; slow and busy machines get many times that. */
export const BUNDLE_DEADLINE_MS = 100_000;
/** A cancelled run looks up between two files; one that hangs in a file never does. */
const CANCEL_GRACE_MS = 1_000;

/** Throws esbuild's own failure, `build_failed` at the deadline, or the signal's reason. */
export async function buildWithin<T extends BuildOptions>(
  options: T,
  signal: AbortSignal,
  deadlineMs: number,
): Promise<BuildResult<T>> {
  signal.throwIfAborted();
  const deadline = AbortSignal.timeout(deadlineMs);
  // Its plain type knows nothing of what the options ask for.
  const run = context<BuildOptions>(options) as Promise<BuildContext<T>>;
  const built = run.then((begun) => begun.rebuild());
  try {
    return await untilAborted(built, AbortSignal.any([signal, deadline]));
  } catch (caught) {
    if (signal.aborted || deadline.aborted) await end(run, built);
    signal.throwIfAborted();
    if (!deadline.aborted) throw caught;
    throw new PopmeshError('build_failed', `bundling did not end within ${deadlineMs} ms`, {
      hint: 'Look for an import that leads to a pipe, a device, or a folder that does not answer.',
      details: { limit: 'bundle_deadline_ms', max: deadlineMs },
    });
  } finally {
    // Not waited for: of a run that could not be cancelled there is nothing left to dispose of.
    run.then((begun) => begun.dispose()).catch(() => {});
  }
}

async function end(run: Promise<BuildContext>, built: Promise<unknown>): Promise<void> {
  run.then((begun) => begun.cancel()).catch(() => {});
  const ended = built.catch(() => {});
  await untilAborted(ended, AbortSignal.timeout(CANCEL_GRACE_MS)).catch(() => stop());
}
