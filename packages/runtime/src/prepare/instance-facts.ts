import { PopmeshError } from '@popmesh/contracts';
import { ByteReader } from '../check/bytes.ts';
import { type Limits, readLimits } from '../check/core-module.ts';

/**
 * Which instances of core modules the glue makes, and what one of each module takes. A component
 * defines a module once and makes as many instances of it as it likes, through components in
 * components, too; the transpiler writes all of that out flat, one statement for each instance, so
 * its text is the one place where instances can be counted as they will be made. Refused: following
 * instances, aliases and arguments through the component's own binary, which would have to agree
 * with the transpiler in every detail for ever.
 */

export interface CoreInstance {
  /** Of its module. */
  readonly file: string;
  /** By what name others are given its exports. */
  readonly exports: string;
  /** The text of what it imports. */
  readonly imports: string;
}

const MODULE = /^ *const (module\d+) = getCoreModule\('([^'\n]+)'\);$/gm;
const INSTANCE =
  /^( *)\(\{ exports: (exports\d+) \} = yield instantiateCore\(yield (module\d+)\b(?:\)\);|[\s\S]*?\n\1\}\)+;)/gm;
const CALL = /\binstantiateCore\(/g;

export function instancesOf(glue: string): CoreInstance[] {
  const files = new Map<string, string>();
  for (const [, variable = '', file = ''] of glue.matchAll(MODULE)) files.set(variable, file);
  const instances = [...glue.matchAll(INSTANCE)].map(([imports, , exports = '', variable = '']) => {
    const file = files.get(variable);
    if (file === undefined) throw anotherForm();
    return { file, exports, imports };
  });
  // One that is made in another way would not be counted.
  const calls = glue.match(CALL)?.length ?? 0;
  if (calls === 0 || calls !== instances.length) throw anotherForm();
  return instances;
}

const anotherForm = (): PopmeshError =>
  new PopmeshError('internal', 'The transpiler wrote glue whose instances cannot be counted');

/** What one instance of a core module brings along; what it imports is another's. */
export interface ModuleFacts {
  readonly memories: readonly Limits[];
  readonly tables: readonly Limits[];
  /** Names under which it exports memories, its own or others'. */
  readonly memoryExports: readonly string[];
  /** Whether its code may have a `memory.grow`: no for sure, yes perhaps. */
  readonly growsMemory: boolean;
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
const CODE = 10;
const MEMORY_KIND = 2;

/** Of a module that the validator has passed. */
export function moduleFacts(module: Uint8Array): ModuleFacts {
  const counts = new Map<number, number>();
  const memories: Limits[] = [];
  const tables: Limits[] = [];
  const memoryExports: string[] = [];
  let growsMemory = false;
  let imported = 0;
  const reader = new ByteReader(module, 8);
  while (!reader.done) {
    const id = reader.byte('section id');
    const section = reader.slice(reader.u32('section size'), 'section');
    if (id === CODE) growsMemory = mayGrow(section, imported + memories.length);
    if (id < IMPORT || id > EXPORT) continue;
    const total = section.u32('count');
    counts.set(id, total);
    if (id === IMPORT) {
      imported = importedMemories(section, total);
      continue;
    }
    for (let left = total; left > 0; left--) {
      if (id === MEMORY) memories.push(readLimits(section, 'memory'));
      else if (id === TABLE) {
        skipReferenceType(section);
        tables.push(readLimits(section, 'table'));
      } else if (id === EXPORT) {
        const name = section.name('name');
        if (section.byte('kind') === MEMORY_KIND) memoryExports.push(name);
        section.u32('index');
      } else break;
    }
  }
  const count = (id: number): number => counts.get(id) ?? 0;
  return {
    memories,
    tables,
    memoryExports,
    growsMemory,
    imports: count(IMPORT),
    exports: count(EXPORT),
    functions: count(FUNCTION),
    globals: count(GLOBAL),
  };
}

/**
 * By its opcode and the index of a memory after it, wherever these bytes stand: a walk over all
 * instructions would have to know each of them.
 */
function mayGrow({ bytes, offset, end }: ByteReader, memories: number): boolean {
  for (let at = bytes.indexOf(MEMORY_GROW, offset); at >= 0 && at + 1 < end; ) {
    let [index, shift, next] = [0, 1, at + 1];
    for (; (bytes[next] ?? 0) >= 0x80 && next - at < LEB_BYTES_MAX; next++, shift *= 128) {
      index += ((bytes[next] ?? 0) & 0x7f) * shift;
    }
    if (index + (bytes[next] ?? 0) * shift < memories) return true;
    at = bytes.indexOf(MEMORY_GROW, at + 1);
  }
  return false;
}

const MEMORY_GROW = 0x40;
const LEB_BYTES_MAX = 5;

function importedMemories(section: ByteReader, total: number): number {
  let memories = 0;
  for (let left = total; left > 0; left--) {
    section.name('module');
    section.name('name');
    const kind = section.byte('kind');
    if (kind === 0) section.u32('type');
    else if (kind === 1) {
      skipReferenceType(section);
      readLimits(section, 'table');
    } else if (kind === MEMORY_KIND) {
      readLimits(section, 'memory');
      memories++;
    } else if (kind === 3) {
      skipReferenceType(section);
      section.byte('mutability');
    } else {
      section.byte('tag');
      section.u32('type');
    }
  }
  return memories;
}

export function skipReferenceType(section: ByteReader): void {
  const type = section.byte('type');
  if (type === 0x63 || type === 0x64) section.skipLeb('heap type');
}
