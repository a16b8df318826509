import { PopmeshError } from '@popmesh/contracts';
import { type ByteReader, malformed } from './bytes.ts';
import { checkCoreName, type StructureCount } from './structure.ts';

/**
 * Walks one core module far enough to count, to see every name, and to know that its sections
 * are whole, in order and not there twice. What is inside types, code and data is left to the
 * transpiler's validator, in its locked-down child. Refused: `WebAssembly.validate`, which reads
 * all of it but would do so on the daemon's own thread (100 ms for an engine of 12 MB).
 */

const CUSTOM = 0;
const TYPE = 1;
const IMPORT = 2;
const FUNCTION = 3;
const TABLE = 4;
const MEMORY = 5;
const EXPORT = 7;
const START = 8;
const CODE = 10;
const DATA = 11;
const DATA_COUNT = 12;

/** Section ids in the order in which they may come: tags and the data count came to wasm later. */
const ORDER: readonly number[] = [
  TYPE,
  IMPORT,
  FUNCTION,
  TABLE,
  MEMORY,
  13,
  6,
  EXPORT,
  START,
  9,
  DATA_COUNT,
  CODE,
  DATA,
];

export function checkCoreModule(reader: ByteReader, count: StructureCount): void {
  count.add('coreModulesMax');
  checkHeader(reader);
  const counts = { functions: 0, bodies: 0, dataCount: -1, data: 0 };
  let place = -1;
  while (!reader.done) {
    count.add('sectionsMax');
    const at = reader.offset;
    const id = reader.byte('section id');
    const section = reader.slice(reader.u32('section size'), 'section');
    if (id === CUSTOM) {
      count.add('customSectionsBytesMax', section.end - section.offset);
      section.name('custom section name');
      continue;
    }
    const next = ORDER.indexOf(id);
    if (next < 0) throw malformed(`unknown section ${id}`, at);
    if (next <= place) throw malformed(`section ${id} out of order or twice`, at);
    place = next;
    if (id === TYPE) checkTypes(section);
    else if (id === IMPORT) checkImports(section, count);
    else if (id === FUNCTION) counts.functions = checkFunctions(section, count);
    else if (id === TABLE) checkTables(section, count);
    else if (id === MEMORY) checkMemories(section, count);
    else if (id === EXPORT) checkExports(section, count);
    else if (id === START) section.u32('start function');
    else if (id === CODE) counts.bodies = checkBodies(section, count);
    else if (id === DATA_COUNT) counts.dataCount = section.u32('data count');
    else if (id === DATA) counts.data = section.u32('data count');
    if (WHOLE.has(id)) section.finish('section');
  }
  if (counts.functions !== counts.bodies) {
    throw malformed('functions and bodies differ in number', reader.offset);
  }
  if (counts.dataCount >= 0 && counts.dataCount !== counts.data) {
    throw malformed('data segments differ from their count', reader.offset);
  }
}

/** Sections that are read to their last byte here. */
const WHOLE: ReadonlySet<number> = new Set([
  IMPORT,
  FUNCTION,
  TABLE,
  MEMORY,
  EXPORT,
  START,
  DATA_COUNT,
  CODE,
]);

function checkHeader(reader: ByteReader): void {
  const header = reader.slice(8, 'module header');
  for (const expected of [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]) {
    const at = header.offset;
    if (header.byte('module header') !== expected) throw malformed('not a core module', at);
  }
}

const ARRAY = 0x5e;
const STRUCT = 0x5f;
const FUNC = 0x60;
const GROUP = 0x4e;
const SUBTYPE: ReadonlySet<number> = new Set([0x50, 0x4f]);

/**
 * Functions only. Objects of the garbage-collected types would live in V8's heap, where no limit of
 * a function's memory sees them: 1.1 GB for one of 16 MB. No component needs them, since what goes
 * in and out of one goes through a linear memory.
 */
function checkTypes(section: ByteReader): void {
  for (let left = section.u32('type count'); left > 0; left--) {
    if (section.bytes[section.offset] !== GROUP) skipFunctionType(section);
    else {
      section.byte('type group');
      for (let members = section.u32('group'); members > 0; members--) skipFunctionType(section);
    }
  }
}

function skipFunctionType(section: ByteReader): void {
  const at = section.offset;
  let form = section.byte('type');
  if (SUBTYPE.has(form)) {
    for (let left = section.u32('supertypes'); left > 0; left--) section.u32('supertype');
    form = section.byte('type');
  }
  if (form === ARRAY || form === STRUCT) {
    throw new PopmeshError('invalid_component', 'A core module has garbage-collected types', {
      hint: 'Build it for linear memory: its objects would not be counted against memory_mb.',
      details: { offset: at },
    });
  }
  if (form !== FUNC) throw malformed(`unknown form of type ${form}`, at);
  for (const what of ['parameters', 'results']) {
    for (let left = section.u32(what); left > 0; left--) skipValueType(section);
  }
}

function checkFunctions(section: ByteReader, count: StructureCount): number {
  const total = section.u32('function count');
  count.add('functionsMax', total);
  for (let i = 0; i < total; i++) section.u32('function type');
  return total;
}

/** Their sizes only; `functionsMax` has bounded how many there can be. */
function checkBodies(section: ByteReader, count: StructureCount): number {
  const total = section.u32('code count');
  count.atMost('functionsMax', total);
  for (let i = 0; i < total; i++) section.slice(section.u32('body size'), 'function body');
  return total;
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
      if (section.byte('mutability') > 1) throw malformed('unknown mutability', section.offset);
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
    if (section.byte('export kind') > 4) throw malformed('unknown export kind', section.offset);
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
