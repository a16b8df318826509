/**
 * Cold starts of one checkout, with that checkout's own builder and runtime: a process of its own,
 * since two checkouts in one process would share its heap and its compiled code. The parent says
 * what to measure next, so that two of them take turns sample by sample.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MarkedFunctions } from './cold-starts.ts';
import type { RuntimeBench } from './executor.ts';

export type ColdStartStep = 'prepare' | 'ask';
export interface ColdStartOrder {
  readonly step: ColdStartStep;
  readonly index: number;
}

const [folder = '', scratch = ''] = process.argv.slice(2);
const from = (file: string): Promise<unknown> => import(pathToFileURL(join(folder, file)).href);
const { RuntimeBench: Bench } = (await from('scripts/bench/executor.ts')) as {
  RuntimeBench: typeof RuntimeBench;
};
const builder = (await from('packages/builder/src/index.ts')) as Parameters<
  typeof MarkedFunctions.of
>[1];

const subject = new Bench(join(scratch, 'runtime'));
await subject.start();
const functions = await MarkedFunctions.of(subject, builder, scratch);
process.on('message', ({ step, index }: ColdStartOrder) => {
  functions[step](index).then(
    (ms) => process.send?.(ms),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => void subject.stop());
process.send?.(0);
