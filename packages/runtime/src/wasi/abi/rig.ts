/** Test rig: the lowered functions over a real memory, with tables of handles as the glue has. */
import { IdMap } from '../../id-map.ts';
import { IncomingRequest } from '../http-incoming.ts';
import { createOutgoingClasses } from '../http-outgoing.ts';
import { Lifetime } from '../readiness.ts';
import type { LinearMemory } from './guest-memory.ts';
import { createLowering } from './lowering.ts';
import { Resources } from './resources.ts';

export const request = (lifetime: Lifetime) =>
  new IncomingRequest(lifetime, {
    method: 'BREW',
    url: 'http://häuser.example:8080/straße?q=1',
    headers: [
      ['accept', 'text/plain'],
      ['x-latin', 'ÿé'],
      ['host', 'not shown'],
    ],
    body: { kind: 'text', text: 'body' },
  });

interface GrowingMemory extends LinearMemory {
  grow(pages: number): number;
}
const Memory = (
  globalThis as unknown as {
    WebAssembly: { Memory: new (limits: { initial: number; maximum: number }) => GrowingMemory };
  }
).WebAssembly.Memory;

export const MEMORY_BYTES = 64 * 1024;
/** The guest's allocator gives what lies from here on; below is what a test writes itself. */
export const HEAP = 32 * 1024;

/** jco's head of a table: no free place. */
const FLAG = 1 << 30;

export function newTable<T extends object>(): Resources<T> {
  let reps = 0;
  return new Resources<T>([FLAG, 0], new IdMap<T>(), () => ++reps);
}

export function openAbi() {
  const lifetime = new Lifetime();
  const memory = new Memory({ initial: 1, maximum: 8 });
  const lowering = createLowering({
    lifetime,
    OutgoingResponse: createOutgoingClasses(lifetime).OutgoingResponse,
  });
  let heap = HEAP;
  const rig = {
    lifetime,
    memory,
    lowering,
    /** May be exchanged for a hostile one. */
    realloc: (_from: number, _fromSize: number, align: number, size: number): number => {
      heap = Math.ceil(heap / align) * align;
      heap += size;
      return heap - size;
    },
    bind(
      name: string,
      tables: readonly Resources<never>[],
      rest: (...values: unknown[]) => unknown = () => 'rest',
    ): (...values: unknown[]) => unknown {
      const port = lowering.memory(
        () => memory,
        () => rig.realloc,
      );
      const all = tables as unknown as Resources<object>[];
      return WAITS.test(name)
        ? lowering.bindWaiting(name, port, all)
        : lowering.bind(name, port, all, rest);
    },
    put(at: number, text: string): [pointer: number, length: number] {
      const bytes = Buffer.from(text);
      new Uint8Array(memory.buffer).set(bytes, at);
      return [at, bytes.length];
    },
    u32: (at: number): number => new DataView(memory.buffer).getUint32(at, true),
    byte: (at: number): number => new Uint8Array(memory.buffer)[at] ?? -1,
    text(at: number): string {
      const view = new DataView(memory.buffer);
      const from = view.getUint32(at, true);
      return Buffer.from(memory.buffer as ArrayBuffer).toString(
        'utf8',
        from,
        from + view.getUint32(at + 4, true),
      );
    },
  };
  return rig;
}

const WAITS = /#(?:poll|Pollable\.block|\w+\.blocking\w+)$/;
