/**
 * Cold starts of one checkout, measured with that checkout's own builder and runtime: a process
 * of its own, since two checkouts in one process would share its heap and its compiled code.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { measureColdStarts } from './cold-starts.ts';
import type { RuntimeBench } from './executor.ts';

const [folder = '', scratch = ''] = process.argv.slice(2);
const bench = (file: string): Promise<unknown> =>
  import(pathToFileURL(join(folder, 'scripts/bench', file)).href);
const { RuntimeBench: Bench } = (await bench('executor.ts')) as {
  RuntimeBench: typeof RuntimeBench;
};
const { measureColdStarts: measure } = (await bench('cold-starts.ts')) as {
  measureColdStarts: typeof measureColdStarts;
};
const subject = new Bench(join(scratch, 'runtime'));
await subject.start();
try {
  process.stdout.write(JSON.stringify(await measure(subject, scratch)));
} finally {
  await subject.stop();
}
