import { registerHooks } from 'node:module';
import type { DoorName } from '../worker/door.ts';
import { generateOptions } from './generate-options.ts';

/**
 * The one-shot child that turns one component into a glue module and core modules, and
 * exits. It runs with an empty environment, no file system but jco's own files, no network,
 * a memory cap and a deadline (see `run-child.ts`), because the transpiler is a large
 * program reading hostile bytes: one kept in-process stayed broken after one bad input.
 *
 * In: the component on stdin; the door is the only argument. Out, on stdout: a 32-bit
 * little-endian length, that many bytes of JSON, then the files' bytes back to back.
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

const component = await readInput();
const door = process.argv[2] as DoorName;
const { $init, generate } = await import('@bytecodealliance/jco-transpile/component');
await $init;
try {
  const { files, imports, exports } = generate(component, generateOptions(door));
  answer(
    {
      ok: true,
      files: files.map(([name, bytes]) => ({ name, sizeBytes: bytes.length })),
      imports,
      exports: exports.map(([name]) => name),
    },
    files.map(([, bytes]) => bytes),
  );
} catch (error) {
  // jco throws what its own component returned as an error: text, or an object with a payload.
  const payload = (error as { payload?: unknown }).payload ?? error;
  const message = payload instanceof Error ? payload.message : String(payload);
  answer({ ok: false, message: message.slice(0, 4_000) }, []);
}
