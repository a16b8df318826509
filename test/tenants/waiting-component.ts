/**
 * A component that runs code while it is instantiated, and waits there for its own memory: a
 * module with a start section that loops until the engine's memory has grown to what the
 * function's image needs. In an instance of the function it has; in an instance of the skeleton
 * alone it never does.
 */
import {
  coreModule,
  leb,
  section,
  text,
} from '../../packages/runtime/src/testing/component-bytes.ts';

const CORE_MODULE = 1;
const CORE_INSTANCE = 2;
const NESTED = 4;
const PREAMBLE_BYTES = 8;
/** With so many every skeleton begins, and every function has more. */
const SKELETON_PAGES = 16;

/** Of the engine: how deep it lies, its memory's instance, and how many modules stand before. */
export interface Place {
  readonly depth: number;
  readonly memoryInstance: number;
  readonly memoryName: string;
  readonly modulesBefore: number;
}

/** Of what our builder builds; a test fails where it builds something else. */
export const QUICKJS: Place = {
  depth: 2,
  memoryInstance: 2,
  memoryName: 'memory',
  modulesBefore: 6,
};

const waitingModule = (memoryName: string): number[] =>
  coreModule(
    section(1, [1, 0x60, 0, 0]),
    section(2, [1, ...text('engine'), ...text(memoryName), 2, 0, 1]),
    section(3, [1, 0]),
    section(8, [0]),
    // loop: memory.size <= 16 ? once more : end
    section(10, [1, 12, 0, 3, 0x40, 0x3f, 0, 0x41, SKELETON_PAGES, 0x4d, 0x0d, 0, 0x0b, 0x0b]),
  );

/** `component` with the module above as the last that is instantiated beside its engine. */
export function thatWaitsForItsImage(component: Uint8Array, place = QUICKJS): Uint8Array {
  return within(component, place.depth, [
    ...section(CORE_MODULE, waitingModule(place.memoryName)),
    ...section(CORE_INSTANCE, [
      1,
      0,
      ...leb(place.modulesBefore),
      1,
      ...text('engine'),
      0x12,
      ...leb(place.memoryInstance),
    ]),
  ]);
}

/** `added` at the end of the first component in the first component in, so many times. */
function within(component: Uint8Array, depth: number, added: readonly number[]): Uint8Array {
  if (depth === 0) return Buffer.concat([component, Uint8Array.from(added)]);
  const { start, bodyStart, end } = firstNested(component);
  const inner = within(component.subarray(bodyStart, end), depth - 1, added);
  return Buffer.concat([
    component.subarray(0, start),
    Uint8Array.from([NESTED, ...leb(inner.length)]),
    inner,
    component.subarray(end),
  ]);
}

function firstNested(bytes: Uint8Array): { start: number; bodyStart: number; end: number } {
  for (let start = PREAMBLE_BYTES; start < bytes.length; ) {
    let at = start + 1;
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      size += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (bytes[start] === NESTED) return { start, bodyStart: at, end: at + size };
    start = at + size;
  }
  throw new Error('a component without another in it');
}
