import { registerHooks } from 'node:module';
import type { DoorName } from '../worker/door.ts';
import { CHILD_STANDS, generateOptions } from './generate-options.ts';

/**
 * The one-shot child that turns one component into a glue module and core modules, and
 * exits. It runs with an empty environment, no file system but jco's own files, no network,
 * a memory cap and a deadline (see `run-child.ts`), because the transpiler is a large
 * program reading hostile bytes: one kept in-process stayed broken after one bad input.
 *
 * In, on stdin: what surrounds the component for the check of its types (`check/signatures.ts`),
 * before and after it, each behind a 32-bit little-endian length; then the component. The door
 * is the only argument. Out, on stdout: one byte when it stands and has read nothing yet, so
 * that what goes wrong before is not blamed on the upload; then a length, that many bytes of
 * JSON, and the files' bytes back to back.
 */

async function readInput(): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function answer(header: object, bodies: readonly Uint8Array[]): void {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  process.stdout.write(Buffer.concat([length, json, ...bodies]), () => process.exit(0));
}

function lengthAt(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getUint32(0, true);
}

/** What keeps the component from fitting into its surroundings. */
async function mismatch(...parts: readonly Uint8Array[]): Promise<string | undefined> {
  const { componentWit } = await import('@bytecodealliance/jco-transpile/wasm-tools');
  try {
    await componentWit(Buffer.concat(parts));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** jco throws what its own component returned as an error: text, or an object with a payload. */
function messageOf(error: unknown): string {
  const payload = (error as { payload?: unknown }).payload ?? error;
  const message = payload instanceof Error ? payload.message : String(payload);
  return message.slice(0, 4_000);
}

// jco's wasm imports wasi. The shim's Node build starts a thread and reaches the real file
// system; its browser build does neither.
registerHooks({
  resolve(specifier, context, next) {
    const shim = /^@bytecodealliance\/preview2-shim\/([a-z]+)$/.exec(specifier);
    if (shim === null) return next(specifier, context);
    const node = next(specifier, context);
    return { ...node, url: node.url.replace('/dist/nodejs/', '/dist/browser/') };
  },
});

const door = process.argv[2] as DoorName;
const { $init, generate } = await import('@bytecodealliance/jco-transpile/component');
await $init;
process.stdout.write(Buffer.of(CHILD_STANDS));

const input = await readInput();
const afterAt = 4 + lengthAt(input, 0);
const componentAt = afterAt + 4 + lengthAt(input, afterAt);
const component = input.subarray(componentAt);
try {
  const { files, imports, exports } = generate(component, generateOptions(door));
  // By itself it is valid, so that whatever is wrong now is in what it imports and exports.
  const [before, after] = [input.subarray(4, afterAt), input.subarray(afterAt + 4, componentAt)];
  const said = await mismatch(before, component, after);
  if (said === undefined) {
    answer(
      {
        ok: true,
        files: files.map(([name, bytes]) => ({ name, sizeBytes: bytes.length })),
        imports,
        exports: exports.map(([name]) => name),
      },
      files.map(([, bytes]) => bytes),
    );
  } else answer({ ok: false, mismatch: true, message: said }, []);
} catch (error) {
  answer({ ok: false, message: messageOf(error) }, []);
}
