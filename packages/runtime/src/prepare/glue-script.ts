import { PopmeshError } from '@popmesh/contracts';

/**
 * jco's ES module as a script whose value is its exports. As a script it can be compiled from
 * text that was verified a moment ago, with V8's code cache, and has no way to import anything:
 * `import()` in it is refused by Node. Refused: importing the file, which reads the disk once
 * more in every thread, after the check, and compiles every function anew in each.
 */

const INSTANTIATE = /^export function instantiate\(/gm;
const UTIL = /^export const _util = \{/gm;
const URL_OF_MODULE = /import\.meta\.url/g;
/** Anything at the beginning of a line that only a module may say. */
const MODULE_ONLY = /^(?:import\b|export\b)/m;

export function glueScript(glue: string): string {
  const script = glue
    .replace(INSTANTIATE, 'function instantiate(')
    .replace(UTIL, 'const _util = {')
    // Only where no `getCoreModule` is given, which never happens here.
    .replace(URL_OF_MODULE, "'file:///'");
  const found = [...glue.matchAll(INSTANTIATE)].length;
  if (found !== 1 || MODULE_ONLY.test(script) || script.includes('import.meta')) {
    throw new PopmeshError('internal', 'The transpiler wrote glue of another form');
  }
  return `'use strict';\n(() => {${script}\nreturn { instantiate };\n})()\n`;
}
