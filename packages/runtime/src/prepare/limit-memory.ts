import { PopmeshError } from '@popmesh/contracts';
import { ByteReader, leb } from '../check/bytes.ts';
import { readLimits } from '../check/core-module.ts';
import { STRUCTURE_LIMITS, StructureCount } from '../check/structure.ts';
import { GLUE_FILE } from './generate-options.ts';
import {
  type CoreInstance,
  instancesOf,
  type ModuleFacts,
  moduleFacts,
  skipReferenceType,
} from './instance-facts.ts';
import { PAGE_BYTES } from './module-image.ts';
import { type Growing, shareOut, sumOfInitial } from './share-out.ts';

/**
 * Rewrites the maximum of every memory and table, so that all of them together, over all core
 * instances of the component, stay within its limit. Node's `resourceLimits` do not bound wasm
 * memory and the process-wide cap is one for all, so the modules themselves must carry the limit.
 */

const TABLE = 4;
const MEMORY = 5;

const pagesOf = (memoryMb: number): number => (memoryMb * 1024 * 1024) / PAGE_BYTES;

/** Of a memory that begins smaller in the module than it is in an instance. */
export function checkInitialPages(pages: number, memoryMb: number): void {
  const pagesMax = pagesOf(memoryMb);
  if (pages > pagesMax) throw tooMuchMemory(pages, 1, memoryMb);
}

export interface Maxima {
  readonly memories: readonly number[];
  readonly tables: readonly number[];
}

export interface LimitedParts {
  /** The glue and the core modules, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What the first memory of a module begins with, where its image says so. */
  readonly imagePages: ReadonlyMap<string, number>;
  readonly memoryMb: number;
}

interface Part {
  readonly name: string;
  readonly instances: number;
  readonly facts: ModuleFacts;
}

/** The files with the limit in them. Refuses what begins above it, and too many instances. */
export function limitModules({
  files,
  imagePages,
  memoryMb,
}: LimitedParts): Map<string, Uint8Array> {
  const glue = Buffer.from(files.get(GLUE_FILE) ?? '').toString('utf8');
  const instances = instancesOf(glue);
  const modules = new Map<string, ModuleFacts>();
  for (const [name, bytes] of files) if (name !== GLUE_FILE) modules.set(name, moduleFacts(bytes));
  const grown = grownModules(modules, instances);
  const parts: Part[] = [...modules].map(([name, facts]) => {
    const pages = imagePages.get(name) ?? 0;
    const memories = facts.memories.map(({ initial, maximum }, at) => {
      const begins = at === 0 ? Math.max(initial, pages) : initial;
      return { initial: begins, maximum: grown.has(name) ? maximum : begins };
    });
    const count = instances.filter(({ file }) => file === name).length;
    return { name, instances: count, facts: { ...facts, memories } };
  });
  countInstances(parts);
  const maxima = maximaOf(parts, memoryMb);
  const limited = new Map(files);
  for (const [at, { name }] of parts.entries()) {
    const [bytes, own] = [files.get(name), maxima[at]];
    if (bytes !== undefined && own !== undefined) limited.set(name, limitMemory(bytes, own));
  }
  return limited;
}

/**
 * Modules whose memories somebody may grow, themselves or one that is given them. The others need
 * no share: a component that was put together from several has stubs with memories of their own.
 */
function grownModules(
  modules: ReadonlyMap<string, ModuleFacts>,
  instances: readonly CoreInstance[],
): Set<string> {
  const grown = new Set<string>();
  for (const { file, exports } of instances) {
    const own = modules.get(file);
    if (own === undefined || own.memories.length === 0 || grown.has(file)) continue;
    const takes = own.memoryExports.flatMap((name) => [
      `: ${exports}.${name},`,
      `: ${exports}['${name}'],`,
    ]);
    const isGrown = instances.some(({ file: other, imports }) => {
      const facts = modules.get(other);
      // One that exports what it was given may pass it on.
      if (facts === undefined || !(facts.growsMemory || facts.memoryExports.length > 0))
        return false;
      return takes.some((text) => imports.includes(text));
    });
    if (own.growsMemory || isGrown) grown.add(file);
  }
  return grown;
}

/** The caps on the shape of a component hold for its instances as they do for its modules. */
function countInstances(parts: readonly Part[]): void {
  const count = new StructureCount(STRUCTURE_LIMITS);
  for (const { instances, facts } of parts) {
    count.add('coreInstancesMax', instances);
    count.add('memoriesMax', instances * facts.memories.length);
    count.add('tablesMax', instances * facts.tables.length);
    count.add('coreImportsMax', instances * facts.imports);
    count.add('coreExportsMax', instances * facts.exports);
    count.add('functionsMax', instances * facts.functions);
    count.add('globalsMax', instances * facts.globals);
  }
}

function maximaOf(parts: readonly Part[], memoryMb: number): Maxima[] {
  const growing = (kind: 'memories' | 'tables'): Growing[] =>
    parts.flatMap(({ instances, facts }) =>
      facts[kind].map((limits) => ({ ...limits, instances })),
    );
  const [memories, tables] = [growing('memories'), growing('tables')];
  const pages = sumOfInitial(memories);
  if (pages > pagesOf(memoryMb)) {
    const total = memories.reduce((sum, it) => sum + it.instances, 0);
    throw tooMuchMemory(pages, total, memoryMb);
  }
  const entriesMax = STRUCTURE_LIMITS.tableEntriesMax;
  const entries = sumOfInitial(tables);
  if (entries > entriesMax) {
    throw new PopmeshError('invalid_component', `Its tables begin with ${entries} entries`, {
      details: { limit: 'tableEntriesMax', max: entriesMax, actual: entries },
    });
  }
  const memoryMaxima = shareOut(memories, pagesOf(memoryMb));
  const tableMaxima = shareOut(tables, entriesMax);
  return parts.map(({ facts }) => ({
    memories: memoryMaxima.splice(0, facts.memories.length),
    tables: tableMaxima.splice(0, facts.tables.length),
  }));
}

export function limitMemory(module: Uint8Array, maxima: Maxima): Uint8Array {
  const parts: Uint8Array[] = [module.subarray(0, 8)];
  const reader = new ByteReader(module, 8);
  while (!reader.done) {
    const start = reader.offset;
    const id = reader.byte('section id');
    const section = reader.slice(reader.u32('section size'), 'section');
    if (id === MEMORY) parts.push(rewrite(id, section, maxima.memories));
    else if (id === TABLE) parts.push(rewrite(id, section, maxima.tables));
    else parts.push(module.subarray(start, section.end));
  }
  return Buffer.concat(parts);
}

function rewrite(id: number, section: ByteReader, maxima: readonly number[]): Uint8Array {
  const total = section.u32('count');
  const body: number[] = [...leb(total)];
  for (let i = 0; i < total; i++) {
    const start = section.offset;
    if (id === TABLE) skipReferenceType(section);
    for (let at = start; at < section.offset; at++) body.push(section.bytes[at] ?? 0);
    const { initial } = readLimits(section, id === MEMORY ? 'memory' : 'table');
    body.push(1, ...leb(initial), ...leb(maxima[i] ?? initial));
  }
  return Uint8Array.from([id, ...leb(body.length), ...body]);
}

function tooMuchMemory(pages: number, memories: number, memoryMb: number): PopmeshError {
  const where = memories === 1 ? '' : ` in the ${memories} memories of its instances`;
  return new PopmeshError(
    'invalid_component',
    `The component begins with ${(pages * PAGE_BYTES) / 1024 / 1024} MB of memory${where}, its limit is ${memoryMb} MB`,
    {
      hint: 'Raise limits.memory_mb, or build with a smaller initial memory.',
      details: { limit: 'memory_mb', max: memoryMb, actualPages: pages },
    },
  );
}
