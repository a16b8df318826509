import { PopmeshError } from '@popmesh/contracts';

/**
 * The canonical ABI lets no instance call out while it allocates for its host. jco 1.35 checks
 * that at every call of the host, and forgets to forbid it: an allocator that asked for random
 * bytes, which are lowered through that same allocator, went 10,000 calls deep in a second, with
 * a buffer of the host at each; 800 MB for a function of 16 MB. A component is asked for one
 * allocation at a time, so one flag stands for all that it is made of. Refused: to leave it to the
 * functions that we lower by hand, which know of each other but not of jco's.
 */

const BEGIN = /^(export function instantiate\([^\n]*\) \{\n)/m;
const ASSIGNED = /^([ \t]*realloc\d+ = )([^\n]+);$/gm;
const DECLARED = /^[ \t]*let realloc\d+;$/gm;
const CHECK = /(function _checkMayLeave\(componentIdx\) \{\n)/;

const SHARED = `  let _allocating = false;
  const _guardRealloc = (realloc) => (from, fromSize, align, size) => {
    const was = _allocating;
    _allocating = true;
    try {
      return realloc(from, fromSize, align, size);
    } finally {
      _allocating = was;
    }
  };
`;
const REFUSAL =
  "    if (_allocating) throw new WebAssembly.RuntimeError('cannot leave component instance');\n";

export function guardRealloc(source: string): { source: string; guarded: number } {
  const declared = source.match(DECLARED)?.length ?? 0;
  const assigned = source.match(ASSIGNED) ?? [];
  const open = assigned.filter((text) => !text.includes(' = _guardRealloc('));
  // One that is not guarded is a way around the limit of memory.
  if (assigned.length !== declared || (open.length > 0 && !BEGIN.test(source))) {
    throw new PopmeshError('internal', 'The transpiler wrote glue whose allocators are not known');
  }
  if (open.length === 0) return { source, guarded: 0 };
  const guarded = source
    .replace(ASSIGNED, '$1_guardRealloc($2);')
    .replace(BEGIN, `$1${SHARED}`)
    .replace(CHECK, `$1${REFUSAL}`);
  return { source: guarded, guarded: open.length };
}
