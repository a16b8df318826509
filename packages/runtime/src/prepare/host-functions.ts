import { PopmeshError } from '@popmesh/contracts';

/**
 * Which functions of `popmesh:function/host` a component asks for, read from the glue, which
 * says it in one line. One that this node does not have is a refusal at the upload, where the
 * author sees it, and not an instance that never starts. Refused: reading the component's
 * types ourselves, a second type checker beside the transpiler's.
 */

export const HOST_FUNCTIONS: ReadonlySet<string> = new Set([
  'compress',
  'config',
  'crypto',
  'fetch',
  'fetchAbort',
  'fetchTake',
  'gone',
  'log',
  'monotonic',
  'now',
  'pipeCancel',
  'pipeClose',
  'pipeOpen',
  'pipeReady',
  'pipeTake',
  'pipeWrite',
  'random',
  'release',
  'report',
  'retain',
  'timer',
  'timerCancel',
  'urlParse',
  'urlSet',
  'utf8Decode',
  'utf8Encode',
]);

const TAKEN = /^const \{([^{}]*)\} = imports\['popmesh:function\/host'\];$/gm;

export function checkHostFunctions(glue: string): void {
  for (const [, names = ''] of glue.matchAll(TAKEN)) {
    for (const entry of names.split(',')) {
      // `fetch: fetch$1` where a name is taken already.
      const name = entry.split(':', 1)[0]?.trim() ?? '';
      if (name === '' || HOST_FUNCTIONS.has(name)) continue;
      const shown = name.slice(0, 120);
      throw new PopmeshError(
        'import_not_allowed',
        `popmesh:function/host has no function ${JSON.stringify(shown)} here`,
        {
          hint: 'Build it again with the "popmesh build" of this version.',
          details: { import: 'popmesh:function/host', function: shown },
        },
      );
    }
  }
}
