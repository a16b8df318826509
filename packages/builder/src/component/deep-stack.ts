import { PopmeshError } from '@popmesh/contracts';
import { isEngine, withEdits } from './engine-edits.ts';
import {
  contentOf,
  PAGE_BYTES,
  readSnapshot,
  type Snapshot,
  write,
  writeSnapshot,
} from './snapshot.ts';
import { wasmSections } from './wasm-reader.ts';
import { section } from './wasm-writer.ts';

/**
 * Gives a JavaScript function a stack on which recursion ends in a RangeError that `try` can
 * catch, as in every other engine. QuickJS compares its stack pointer with a limit wherever it
 * recurses, in its WASI build, too; only, there it sets the limit to zero, and componentize-qjs
 * links it with a stack of 1 MiB, so that deep recursion was a trap, which ends the instance and
 * all requests in it. Both are data of the snapshot: the limit is a word in the engine's runtime
 * structure, the stack is where `__stack_pointer` points. So the snapshot gets a larger stack
 * behind everything else, and the limit that belongs to it. The pages of the stack are zeros: no
 * byte of the component, and no memory of the machine until they are used. Of the engine's code two
 * functions change (engine-edits.ts), in every function alike, so that all still share one.
 *
 * A worker's own stack has to be larger in proportion: `WORKER_STACK_MB` in the runtime's
 * executor/worker-supply.ts. Refused: an engine of our own, with a tool chain of four parts to keep,
 * for two numbers; a counter in the bundle, which every call would pay for.
 */

/** 11,000 plain calls, 4,600 through `map`, 2,300 through the comparator of a `sort`. */
export const STACK_BYTES = 3 * 1024 * 1024;
/** Kept below the limit for what the engine does without a look at it: its native functions. */
export const STACK_RESERVE_BYTES = 256 * 1024;

const CORE_MODULE = 1;
const NESTED = 4;
const PREAMBLE_BYTES = 8;
/** The frames of `JS_NewRuntime`'s callers, at most. */
const FIRST_FRAMES_BYTES = 4_096;

/** Of a component by componentize-qjs. Throws `internal` where it is not laid out as expected. */
export function withDeepStack(component: Uint8Array): Uint8Array<ArrayBuffer> {
  const found = { snapshots: 0 };
  const changed = inComponent(component, found);
  if (found.snapshots !== 1) throw unknownEngine(`${found.snapshots} snapshots`);
  return changed;
}

function inComponent(component: Uint8Array, found: { snapshots: number }): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [component.subarray(0, PREAMBLE_BYTES)];
  for (const { id, whole, body } of wasmSections(component)) {
    if (id === NESTED) parts.push(section(id, inComponent(body.rest(), found)));
    else if (id === CORE_MODULE) {
      const module = body.rest();
      const snapshot = readSnapshot(module);
      if (isEngine(module)) parts.push(section(id, edited(module)));
      else if (snapshot === undefined) parts.push(whole);
      else {
        found.snapshots++;
        moveStack(snapshot);
        parts.push(section(id, writeSnapshot(module, snapshot)));
      }
    } else parts.push(whole);
  }
  return new Uint8Array(Buffer.concat(parts));
}

function edited(module: Uint8Array): Uint8Array {
  const changed = withEdits(module);
  if (changed === undefined) throw unknownEngine('its engine is not the one that was looked at');
  return changed;
}

function moveStack(snapshot: Snapshot): void {
  const bottom = snapshot.pages * PAGE_BYTES;
  const limit = new Uint8Array(4);
  new DataView(limit.buffer).setUint32(0, bottom + STACK_RESERVE_BYTES, true);
  write(snapshot, addressOfLimit(snapshot), limit);
  snapshot.pages += STACK_BYTES / PAGE_BYTES;
  snapshot.stackPointer = snapshot.pages * PAGE_BYTES;
}

/**
 * Where the engine keeps its limit. `JSRuntime` has, one after the other, `stack_size` (0),
 * `stack_top`, an address at the top of the stack, `stack_limit` (0), and `current_exception`, of
 * which there is none (0 and 4). It is the first thing that the engine allocates, so what an
 * author's code has made of memory comes after it.
 */
function addressOfLimit(snapshot: Snapshot): number {
  const words = new Uint32Array(contentOf(snapshot).buffer);
  const top = snapshot.stackPointer;
  for (let at = top / 4 + 1; at + 3 < words.length; at++) {
    const stackTop = words[at] ?? 0;
    if (stackTop >= top || stackTop < top - FIRST_FRAMES_BYTES) continue;
    const around = [words[at - 1], words[at + 1], words[at + 2], words[at + 3]];
    if (around.join() === '0,0,0,4') return (at + 1) * 4;
  }
  throw unknownEngine('there is no limit of the stack');
}

const unknownEngine = (why: string): PopmeshError =>
  new PopmeshError('internal', `componentize-qjs wrote a component of another kind: ${why}`, {
    hint: 'Another version of it was installed than the one that this builder knows.',
  });
