import { openSync } from 'node:fs';
import { PopmeshError } from '@popmesh/contracts';
import { transpileInChild } from '../prepare/run-child.ts';
import { testClock } from './harness.ts';

/** In a process with few file descriptors (`prepare.test.ts`): uses them up and transpiles. */

const facts = {
  door: 'wasi:http',
  doorExport: 'wasi:http/incoming-handler@0.2.3',
  imports: [],
  typeImports: [],
  exports: [],
  coreModules: 0,
  functions: 0,
} as const;
const limits = { deadlineMs: 60_000, heapMb: 64, outputBytesMax: 1_000 };

try {
  for (;;) openSync('/dev/null', 'r');
} catch {
  // There is none left.
}
const outcome = await transpileInChild(
  new Uint8Array(8),
  facts,
  limits,
  testClock,
  new AbortController().signal,
).catch((error: unknown) => PopmeshError.from(error));
// What it has begun would end this process before.
setImmediate(() => process.send?.(outcome instanceof PopmeshError ? outcome.code : 'ok'));
