/** Builds the component anew and keeps it beside the source. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildRust } from '../../packages/builder/src/rust/build-rust.ts';

const directory = fileURLToPath(new URL('.', import.meta.url));
const component = await buildRust({
  directory,
  signal: AbortSignal.timeout(600_000),
  onProgress: (step) => console.log(step),
});
await writeFile(new URL('hello-rust.wasm', import.meta.url), component);
console.log(`hello-rust.wasm: ${component.length} bytes`);
