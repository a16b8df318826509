/**
 * Keeps packages/runtime/src/supervise/generated/engines.ts: the engines that our builder puts
 * into functions, which blank executors may be made ready with. Builds one function as `popmesh
 * deploy` would, and adds what it finds in it where that is new. Part of `npm run generate`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, loadProject } from '../packages/builder/src/index.ts';
import { type Engine, skeletonOf } from '../packages/runtime/src/index.ts';

const root = join(import.meta.dirname, '..');
const FILE = join(root, 'packages/runtime/src/supervise/generated/engines.ts');
/** Functions differ by their platform layer, and that grows: a little less than all of them. */
const PAGES_STEP = 16;

/** What the builder builds with now. */
export async function currentEngine(): Promise<Engine> {
  const { component } = await build(await loadProject(join(root, 'examples/hello-js')));
  const found = skeletonOf(component);
  if (found === undefined) throw new Error('a built function has no snapshot to take out');
  return {
    skeleton: found.digest,
    memoryPages: Math.floor(found.memoryPages / PAGES_STEP) * PAGES_STEP,
    builtBy: `popmesh-builder ${componentizer()}`,
  };
}

function componentizer(): string {
  const text = readFileSync(join(root, 'packages/builder/package.json'), 'utf8');
  const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
  return `componentize-qjs ${dependencies['componentize-qjs'] ?? 'of our own'}`;
}

/** Newest first. */
export async function addEngine(): Promise<void> {
  const current = await currentEngine();
  // Read anew: a run before this one may have written it.
  const { ENGINES } = (await import(FILE)) as { ENGINES: readonly Engine[] };
  if (ENGINES.some(({ skeleton }) => skeleton === current.skeleton)) return;
  writeFileSync(FILE, textOf([current, ...ENGINES]));
}

const textOf = (engines: readonly Engine[]): string =>
  [
    '/** Written by `npm run generate` (scripts/engines.ts). Take out what nobody serves any more. */',
    "import type { Engine } from '../engines.ts';",
    '',
    'export const ENGINES: readonly Engine[] = [',
    ...engines.flatMap(({ skeleton, memoryPages, builtBy }) => [
      '  {',
      `    skeleton: '${skeleton}',`,
      `    memoryPages: ${memoryPages},`,
      `    builtBy: '${builtBy}',`,
      '  },',
    ]),
    '];',
    '',
  ].join('\n');

if (import.meta.main) await addEngine();
