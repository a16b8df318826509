import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { componentize } from 'componentize-qjs';

/** Builds the guests that tests run, once per content, into the system's temporary folder. */

const WIT = fileURLToPath(new URL('../../../../proto/wit', import.meta.url));
/** Of this user alone: what root has written no other could add to. */
const CACHE = join(tmpdir(), `popmesh-runtime-guests-${process.getuid?.() ?? 0}`);

const building = new Map<string, Promise<Uint8Array>>();

/** `source` is JavaScript against function.wit; by default the guest with one path per behaviour. */
export function buildGuest(source?: string): Promise<Uint8Array> {
  const key = source ?? '';
  let promise = building.get(key);
  if (promise === undefined) {
    promise = build(source);
    building.set(key, promise);
  }
  return promise;
}

/** A guest that counts its requests: `<text> <count>`. */
export const countingGuest = (text: string): string => `
import host from 'popmesh:function/host@0.2.0';
let count = 0;
const DONE = { then: (resolve) => resolve() };
export function handle(id) {
  host.respond(id, 200, '', '${text} ' + ++count);
  return DONE;
}
export const settle = () => DONE;`;

async function build(given: string | undefined): Promise<Uint8Array> {
  const jsPath = fileURLToPath(new URL('./guests/basic.js', import.meta.url));
  const jsSource = given ?? (await readFile(jsPath, 'utf8'));
  const wit = await readFile(join(WIT, 'function.wit'));
  const name = createHash('sha256').update(wit).update(jsSource).digest('hex');
  const file = join(CACHE, `${name}.wasm`);
  try {
    // A plain array: `slice` of a Buffer would share its memory with every other test.
    return new Uint8Array(await readFile(file));
  } catch {
    // Not built yet.
  }
  const { component } = await componentize({ witPath: WIT, jsSource, jsPath, stubWasi: true });
  await mkdir(CACHE, { recursive: true });
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, component);
  await rename(temporary, file);
  return new Uint8Array(component);
}
