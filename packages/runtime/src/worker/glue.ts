import { Script } from 'node:vm';
import type { GlueText } from './component-code.ts';
import type { Glue } from './door.ts';

/**
 * Glue compiled in this thread: each text once, however many components have it. V8 compiles
 * functions when they are called first; with the code cache of a worker that has served
 * requests they are there already, which takes some 3 ms off a first request.
 */

interface Compiled {
  readonly script: Script;
  readonly glue: Glue;
}

/** A worker runs one function; a spare may have been made ready for another. */
const HELD_MAX = 4;
const compiled = new Map<string, Compiled>();

export function glueOf({ digest, source, codeCache }: GlueText): Glue {
  let held = compiled.get(digest);
  if (held === undefined) {
    const script = new Script(source, {
      filename: `glue-${digest.slice(0, 8)}.js`,
      ...(codeCache === undefined ? {} : { cachedData: codeCache }),
    });
    held = { script, glue: script.runInThisContext() as Glue };
    for (const oldest of compiled.keys()) {
      if (compiled.size < HELD_MAX) break;
      compiled.delete(oldest);
    }
    compiled.set(digest, held);
  }
  return held.glue;
}

/** With every function that was called so far; undefined for glue that is not held. */
export const codeCacheOf = (digest: string): Uint8Array | undefined =>
  compiled.get(digest)?.script.createCachedData();
