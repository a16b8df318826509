import { $init, generate } from '@bytecodealliance/jco-transpile/component';
import { generateOptions } from '../prepare/generate-options.ts';
import type { DoorName } from '../worker/door.ts';

/**
 * The transpiler in this process, without the locked-down child that uploads get: for tests that
 * give it hundreds of bad components one after the other. Throws what it says of one it refuses.
 */
export async function transpilerHere(): Promise<(bytes: Uint8Array, door: DoorName) => void> {
  await $init;
  return (bytes, door) => {
    try {
      generate(new Uint8Array(bytes), generateOptions(door));
    } catch (error) {
      // A refusal has a payload; a trap has none, and would leave the transpiler broken.
      const { payload } = error as { payload?: unknown };
      throw typeof payload === 'string' ? new Error(payload) : error;
    }
  };
}

/** The binary form of a module's text, valid or not. Throws for what says no module. */
export { parse as parseText } from '@bytecodealliance/jco-transpile/wasm-tools';
