import { PopmeshError } from '@popmesh/contracts';
import { ByteReader } from '../check/bytes.ts';
import { type Limits, readLimits } from '../check/core-module.ts';

/**
 * How often the glue instantiates each core module, and what one instance of it takes. A component
 * defines a module once and makes as many instances of it as it likes, through components in
 * components, too; the transpiler writes all of that out flat, one line for each instance, so its
 * text is the one place where instances can be counted as they will be made. Refused: following
 * instances, aliases and arguments through the component's own binary, which would have to agree
 * with the transpiler in every detail for ever.
 */

const MODULE = /^const (module\d+) = getCoreModule\('([^'\n]+)'\);$/gm;
const INSTANCE = /^ *\(\{ exports: exports\d+ \} = yield instantiateCore\(yield (module\d+)\b/gm;
const CALL = /\binstantiateCore\(/g;

/** Instances by file name; modules that are never instantiated are left out. */
export function instancesOf(glue: string): Map<string, number> {
  const files = new Map<string, string>();
  for (const [, variable = '', file = ''] of glue.matchAll(MODULE)) files.set(variable, file);
  const instances = new Map<string, number>();
  let found = 0;
  for (const [, variable = ''] of glue.matchAll(INSTANCE)) {
    const file = files.get(variable);
    if (file === undefined) throw anotherForm();
    found++;
    instances.set(file, (instances.get(file) ?? 0) + 1);
  }
  // One that is made in another way would not be counted.
  if (found === 0 || glue.match(CALL)?.length !== found) throw anotherForm();
  return instances;
}

const anotherForm = (): PopmeshError =>
  new PopmeshError('internal', 'The transpiler wrote glue whose instances cannot be counted');

/** What one instance of a core module brings along; what it imports is another's. */
export interface InstanceFacts {
  readonly memories: readonly Limits[];
  readonly tables: readonly Limits[];
  readonly imports: number;
  readonly exports: number;
  readonly functions: number;
  readonly globals: number;
}

const IMPORT = 2;
const FUNCTION = 3;
const TABLE = 4;
const MEMORY = 5;
const GLOBAL = 6;
const EXPORT = 7;

/** Of a module that the validator has passed. */
export function instanceFacts(module: Uint8Array): InstanceFacts {
  const counts = new Map<number, number>();
  const memories: Limits[] = [];
  const tables: Limits[] = [];
  const reader = new ByteReader(module, 8);
  while (!reader.done) {
    const id = reader.byte('section id');
    const section = reader.slice(reader.u32('section size'), 'section');
    if (id < IMPORT || id > EXPORT) continue;
    const total = section.u32('count');
    counts.set(id, total);
    for (let left = total; left > 0 && id === MEMORY; left--) {
      memories.push(readLimits(section, 'memory'));
    }
    for (let left = total; left > 0 && id === TABLE; left--) {
      skipReferenceType(section);
      tables.push(readLimits(section, 'table'));
    }
  }
  const count = (id: number): number => counts.get(id) ?? 0;
  return {
    memories,
    tables,
    imports: count(IMPORT),
    exports: count(EXPORT),
    functions: count(FUNCTION),
    globals: count(GLOBAL),
  };
}

export function skipReferenceType(section: ByteReader): void {
  const type = section.byte('table type');
  if (type === 0x63 || type === 0x64) section.skipLeb('heap type');
}
