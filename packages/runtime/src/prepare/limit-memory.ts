import { PopmeshError } from '@popmesh/contracts';
import { ByteReader, leb } from '../check/bytes.ts';
import { readLimits } from '../check/core-module.ts';
import { STRUCTURE_LIMITS, StructureCount } from '../check/structure.ts';
import { GLUE_FILE } from './generate-options.ts';
import { type InstanceFacts, instanceFacts, instancesOf, skipReferenceType } from './instance-facts.ts';
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
  readonly facts: InstanceFacts;
}

/** The files with the limit in them. Refuses what begins above it, and too many instances. */
export function limitModules({ files, imagePages, memoryMb }: LimitedParts): Map<string, Uint8Array> {
  const glue = Buffer.from(files.get(GLUE_FILE) ?? '').toString('utf8');
  const instances = instancesOf(glue);
  const parts: Part[] = [...files]
    .filter(([name]) => name !== GLUE_FILE)
    .map(([name, bytes]) => {
      const facts = instanceFacts(bytes);
      const [first, ...others] = facts.memories;
      const pages = imagePages.get(name);
      const memories =
        first === undefined || pages === undefined
          ? facts.memories
          : [{ ...first, initial: Math.max(first.initial, pages) }, ...others];
      return { name, instances: instances.get(name) ?? 0, facts: { ...facts, memories } };
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
    parts.flatMap(({ instances, facts }) => facts[kind].map((limits) => ({ ...limits, instances })));
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
