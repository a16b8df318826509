import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RuntimeConfig } from '../config.ts';
import type { CodeImage } from './code-image.ts';

/**
 * How an executor is locked in: no file but our code and its own private folder, no child
 * processes, no native addons, no code from strings. Tested from the inside of a guest and
 * of the process itself (executor.test.ts).
 */

const require = createRequire(import.meta.url);
const PAGES_PER_MB = 16;
/**
 * Of the young generation of every thread. What a request leaves fits many times over; with V8's
 * own 16 MB the memory of a busy executor grows by twice as much, with 2 MB collecting costs more.
 */
const SEMI_SPACE_MB = 4;

/** The folder of the package that a bare name resolves to. */
function packageFolder(name: string): string {
  let folder = dirname(require.resolve(name));
  for (;;) {
    try {
      const text = readFileSync(`${folder}/package.json`, 'utf8');
      if ((JSON.parse(text) as { name?: string }).name !== undefined) return folder;
    } catch {
      // Not the package's root yet.
    }
    folder = dirname(folder);
  }
}

/** Our code, as folders and files: all that every executor reads. */
export function codePaths(): string[] {
  const runtime = fileURLToPath(new URL('../..', import.meta.url));
  return [
    `${runtime}src`,
    `${runtime}package.json`,
    `${runtime}node_modules`,
    ...['@popmesh/contracts', 'undici', 'ipaddr.js'].map((name) => packageFolder(name)),
  ];
}

/** `stage` is the private folder of the process; `image` its code, with no types left in it. */
export function executorFlags(stage: string, config: RuntimeConfig, image?: CodeImage): string[] {
  const own = image === undefined ? [stage] : [stage, image.directory];
  const readable = [...codePaths(), ...own].map((path) =>
    path.endsWith('.json') ? path : `${path}/*`,
  );
  return [
    '--permission',
    '--allow-worker',
    '--allow-net',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    '--disallow-code-generation-from-strings',
    `--wasm-max-mem-pages=${config.limits.memoryMb.ceiling * PAGES_PER_MB}`,
    `--max-old-space-size=${config.executorHeapMb}`,
    `--max-semi-space-size=${SEMI_SPACE_MB}`,
    '--no-warnings',
    ...(image?.flags ?? []),
  ];
}
