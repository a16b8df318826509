import { PopmeshError } from '@popmesh/contracts';
import { ByteReader, leb } from '../check/bytes.ts';
import { type Limits, readLimits } from '../check/core-module.ts';
import { PAGE_BYTES } from './module-image.ts';

/**
 * Rewrites the maximum of every memory and table that a core module defines. Node's
 * `resourceLimits` do not bound wasm memory and the process-wide cap is one for all, so
 * the module itself must carry the limit.
 */

const TABLE = 4;
const MEMORY = 5;

const pagesOf = (memoryMb: number): number => (memoryMb * 1024 * 1024) / PAGE_BYTES;

/** Of a memory that begins smaller in the module than it is in an instance. */
export function checkInitialPages(pages: number, memoryMb: number): void {
  const pagesMax = pagesOf(memoryMb);
  if (pages > pagesMax) throw tooLarge(MEMORY, pages, pagesMax, memoryMb);
}

export function limitMemory(module: Uint8Array, memoryMb: number, tableMax: number): Uint8Array {
  const pagesMax = pagesOf(memoryMb);
  const parts: Uint8Array[] = [module.subarray(0, 8)];
  const reader = new ByteReader(module, 8);
  while (!reader.done) {
    const start = reader.offset;
    const id = reader.byte('section id');
    const section = reader.slice(reader.u32('section size'), 'section');
    if (id === MEMORY) parts.push(rewrite(id, section, pagesMax, memoryMb));
    else if (id === TABLE) parts.push(rewrite(id, section, tableMax, memoryMb));
    else parts.push(module.subarray(start, section.end));
  }
  return Buffer.concat(parts);
}

function rewrite(id: number, section: ByteReader, max: number, memoryMb: number): Uint8Array {
  const total = section.u32('count');
  const body: number[] = [...leb(total)];
  for (let i = 0; i < total; i++) {
    if (id === TABLE) {
      const start = section.offset;
      const type = section.byte('table type');
      if (type === 0x63 || type === 0x64) section.skipLeb('heap type');
      body.push(...section.bytes.subarray(start, section.offset));
    }
    const limits: Limits = readLimits(section, id === MEMORY ? 'memory' : 'table');
    if (limits.initial > max) throw tooLarge(id, limits.initial, max, memoryMb);
    body.push(1, ...leb(limits.initial), ...leb(Math.min(limits.maximum ?? max, max)));
  }
  return Uint8Array.from([id, ...leb(body.length), ...body]);
}

function tooLarge(id: number, initial: number, max: number, memoryMb: number): PopmeshError {
  if (id === TABLE) {
    return new PopmeshError('invalid_component', `A table begins with ${initial} entries`, {
      details: { limit: 'tableEntriesMax', max, actual: initial },
    });
  }
  return new PopmeshError(
    'invalid_component',
    `The component begins with ${(initial * PAGE_BYTES) / 1024 / 1024} MB of memory, its limit is ${memoryMb} MB`,
    {
      hint: 'Raise limits.memory_mb, or build with a smaller initial memory.',
      details: { limit: 'memory_mb', max: memoryMb, actualPages: initial },
    },
  );
}
