import { PopmeshError } from '@popmesh/contracts';
import type { DoorName } from '../worker/door.ts';
import { checkImports, detectDoor } from './allow-list.ts';
import { ByteReader, malformed } from './bytes.ts';
import { checkCoreModule } from './core-module.ts';
import { STRUCTURE_LIMITS, StructureCount, type StructureLimits } from './structure.ts';

/**
 * The first look at an upload: our own small section walker, before anything heavier sees
 * the bytes. Refused: asking jco or wasm-tools first, which allocate by what the file claims.
 * What passes here is still validated in full by the transpiler.
 */

const CORE_HEADER = 0x0001_0000;
const CORE = 0x01;
const COMPONENT = 0x0001_000d;

const CUSTOM = 0;
const CORE_MODULE = 1;
const NESTED = 4;
const IMPORT = 10;
const EXPORT = 11;

export interface ComponentFacts {
  readonly door: DoorName;
  readonly imports: readonly string[];
  /** Plain types that the world imports by themselves (`use types.{request}`). */
  readonly typeImports: readonly string[];
  readonly exports: readonly string[];
  /** The export that is the door. */
  readonly doorExport: string;
  readonly coreModules: number;
  readonly functions: number;
}

type ExportKind = 'function' | 'instance' | 'other';
interface Found {
  readonly imports: string[];
  readonly typeImports: string[];
  readonly exports: { name: string; kind: ExportKind }[];
}

export function checkComponent(
  bytes: Uint8Array,
  options: { componentBytesMax: number; structure?: StructureLimits },
): ComponentFacts {
  if (bytes.length > options.componentBytesMax) {
    throw new PopmeshError('payload_too_large', `The component has ${bytes.length} bytes`, {
      details: { limit: 'componentBytesMax', max: options.componentBytesMax, actual: bytes.length },
    });
  }
  const count = new StructureCount(options.structure ?? STRUCTURE_LIMITS);
  const found: Found = { imports: [], typeImports: [], exports: [] };
  walk(new ByteReader(bytes), count, 1, found);
  const { door, name } = detectDoor(found.exports);
  checkImports(door, found.imports);
  return {
    door,
    doorExport: name,
    imports: found.imports,
    typeImports: found.typeImports,
    exports: found.exports.map((entry) => entry.name),
    coreModules: count.get('coreModulesMax'),
    functions: count.get('functionsMax'),
  };
}

function walk(reader: ByteReader, count: StructureCount, depth: number, found: Found | undefined) {
  count.atMost('nestingMax', depth);
  const header = reader.slice(8, 'header');
  const magic = header.bytes.subarray(header.offset, header.offset + 4);
  if (magic[0] !== 0 || magic[1] !== 0x61 || magic[2] !== 0x73 || magic[3] !== 0x6d) {
    throw malformed('no WebAssembly magic', header.offset);
  }
  const view = new DataView(header.bytes.buffer, header.bytes.byteOffset + header.offset + 4, 4);
  const version = view.getUint32(0, true);
  if (version === CORE || version === CORE_HEADER) {
    throw new PopmeshError('invalid_component', 'This is a core module, not a component', {
      hint: 'Componentize it first; "popmesh build" does so for the languages it knows.',
    });
  }
  if (version !== COMPONENT) throw malformed(`unknown version ${version}`, header.offset + 4);
  while (!reader.done) {
    count.add('sectionsMax');
    const id = reader.byte('section id');
    const section = reader.slice(reader.u32('section size'), 'section');
    if (id === CUSTOM) {
      count.add('customSectionsBytesMax', section.end - section.offset);
      section.name('custom section name');
    } else if (id === CORE_MODULE) checkCoreModule(section, count);
    else if (id === NESTED) walk(section, count, depth + 1, undefined);
    else if (id === IMPORT) readImports(section, count, found);
    else if (id === EXPORT) readExports(section, count, found);
    else if (id > 12) throw malformed(`unknown section ${id}`, section.offset);
  }
}

function readImports(section: ByteReader, count: StructureCount, found: Found | undefined): void {
  const total = section.u32('import count');
  count.add('importsMax', total);
  for (let i = 0; i < total; i++) {
    const name = readExternName(section, 'import name', count);
    // `use types.{request}` in a world makes plain type imports, which need nothing of the host.
    const plain = skipExternDescription(section);
    (plain ? found?.typeImports : found?.imports)?.push(name);
  }
  section.finish('import section');
}

function readExports(section: ByteReader, count: StructureCount, found: Found | undefined): void {
  const total = section.u32('export count');
  count.add('coreExportsMax', total);
  for (let i = 0; i < total; i++) {
    const name = readExternName(section, 'export name', count);
    const sort = section.byte('export sort');
    if (sort === 0) section.byte('core sort');
    section.u32('export index');
    if (section.byte('export type') === 1) skipExternDescription(section);
    found?.exports.push({
      name,
      kind: sort === 1 ? 'function' : sort === 5 ? 'instance' : 'other',
    });
  }
  section.finish('export section');
}

/** Names of imports and exports: kebab names and `namespace:package/interface@version`. */
const EXTERN_NAME = /^[A-Za-z0-9:/@.+[\]=<>,-]*$/;

function readExternName(section: ByteReader, what: string, count: StructureCount): string {
  const at = section.offset;
  const form = section.byte(what);
  const name = section.name(what);
  if (form === 2) section.name(`${what} version`);
  else if (form > 2) throw malformed(`${what} of unknown form ${form}`, at);
  count.atMost('nameLengthMax', name.length);
  if (!EXTERN_NAME.test(name)) throw malformed(`${what} has characters that are not allowed`, at);
  return name;
}

/** True for a plain type (`eq`); a resource type would need a host class, so it counts. */
function skipExternDescription(section: ByteReader): boolean {
  const kind = section.byte('extern kind');
  if (kind === 0) section.byte('core module');
  if (kind === 2 || kind === 3) {
    // A value, or a type bound: `eq` names a type, `sub resource` names none.
    const bound = section.byte('extern bound');
    if (kind === 3 && bound === 1) return false;
  }
  if (kind > 5) throw malformed(`unknown extern kind ${kind}`, section.offset);
  section.skipLeb('extern index');
  return kind === 3;
}
