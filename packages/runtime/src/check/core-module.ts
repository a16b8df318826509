import { type ByteReader, malformed } from './bytes.ts';
import { checkCoreName, type StructureCount } from './structure.ts';

/**
 * Walks one core module far enough to count and to see every name; types, code and data are
 * skipped by their lengths, since V8 and jco's validator both read them in full later.
 */

const CUSTOM = 0;
const IMPORT = 2;
const FUNCTION = 3;
const TABLE = 4;
const MEMORY = 5;
const EXPORT = 7;

export function checkCoreModule(reader: ByteReader, count: StructureCount): void {
  count.add('coreModulesMax');
  reader.slice(8, 'module header');
  while (!reader.done) {
    count.add('sectionsMax');
    const id = reader.byte('section id');
    const section = reader.slice(reader.u32('section size'), 'section');
    if (id === CUSTOM) count.add('customSectionsBytesMax', section.end - section.offset);
    else if (id === IMPORT) checkImports(section, count);
    else if (id === FUNCTION) count.add('functionsMax', section.u32('function count'));
    else if (id === TABLE) checkTables(section, count);
    else if (id === MEMORY) checkMemories(section, count);
    else if (id === EXPORT) checkExports(section, count);
    else if (id > 13) throw malformed(`unknown section ${id}`, section.offset);
  }
}

function checkImports(section: ByteReader, count: StructureCount): void {
  const total = section.u32('import count');
  count.add('coreImportsMax', total);
  for (let i = 0; i < total; i++) {
    for (const what of ['import module', 'import name']) {
      const at = section.offset;
      checkCoreName(section.name(what), count, at);
    }
    const kind = section.byte('import kind');
    if (kind === 0) {
      section.u32('function type');
      count.add('functionsMax');
    } else if (kind === 1) skipTableType(section, count);
    else if (kind === 2) readLimits(section, 'memory');
    else if (kind === 3) {
      skipValueType(section);
      section.byte('mutability');
    } else if (kind === 4) {
      section.byte('tag');
      section.u32('tag type');
    } else throw malformed(`unknown import kind ${kind}`, section.offset);
  }
}

function checkTables(section: ByteReader, count: StructureCount): void {
  const total = section.u32('table count');
  count.atMost('tableEntriesMax', total);
  for (let i = 0; i < total; i++) {
    // 0x40 0x00 opens a table with an initial expression; toolchains of today write none.
    if (section.bytes[section.offset] === 0x40) throw malformed('table with init', section.offset);
    count.add('tableEntriesMax', skipTableType(section, count));
  }
}

function checkMemories(section: ByteReader, count: StructureCount): void {
  const total = section.u32('memory count');
  count.add('memoriesMax', total);
  for (let i = 0; i < total; i++) readLimits(section, 'memory');
}

function checkExports(section: ByteReader, count: StructureCount): void {
  const total = section.u32('export count');
  count.add('coreExportsMax', total);
  for (let i = 0; i < total; i++) {
    const at = section.offset;
    checkCoreName(section.name('export name'), count, at);
    section.byte('export kind');
    section.u32('export index');
  }
}

function skipTableType(section: ByteReader, count: StructureCount): number {
  skipValueType(section);
  const { initial } = readLimits(section, 'table');
  count.atMost('tableEntriesMax', initial);
  return initial;
}

function skipValueType(section: ByteReader): void {
  const type = section.byte('value type');
  if (type === 0x63 || type === 0x64) section.skipLeb('heap type');
}

export interface Limits {
  readonly initial: number;
  readonly maximum: number | undefined;
}

/** Shared and 64-bit memories and tables are refused: no threads, no memory above the limit. */
export function readLimits(section: ByteReader, what: string): Limits {
  const flags = section.byte(`${what} limits`);
  if (flags > 1) throw malformed(`shared, 64-bit or paged ${what}`, section.offset);
  const initial = section.u32(`${what} size`);
  return { initial, maximum: flags === 1 ? section.u32(`${what} maximum`) : undefined };
}
