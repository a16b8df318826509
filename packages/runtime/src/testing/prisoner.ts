import { readFileSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/**
 * Run by a test in place of the executor, under the executor's own flags: tries what must
 * not work and prints what did.
 */

const attempt = async (run: () => unknown): Promise<string> => {
  try {
    await run();
    return 'possible';
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).name;
  }
};

/** Files that are its own, and files that are somebody else's. */
const [own = '', ...others] = process.argv.slice(2);
const folder = new URL('.', import.meta.url).pathname;
const outcome = {
  readEtc: await attempt(() => readFileSync('/etc/passwd')),
  readRepository: await attempt(() => readFileSync(`${folder}../../../../package.json`)),
  readOwn: await attempt(() => readFileSync(`${folder}../index.ts`)),
  write: await attempt(() => writeFileSync(`${folder}x`, '')),
  spawn: await attempt(async () => (await import('node:child_process')).execSync('true')),
  evaluate: await attempt(() => new Function('return 1')()),
  addon: await attempt(() => process.dlopen({ exports: {} }, '/x.node')),
  wasi: await attempt(async () => new (await import('node:wasi')).WASI({ version: 'preview1' })),
  inspector: await attempt(async () => (await import('node:inspector')).open(0)),
  worker: await attempt(() => new Worker('0', { eval: true }).terminate()),
  readStaged: own === '' ? 'not tried' : await attempt(() => readFileSync(own)),
  readOthers: await Promise.all(others.map((file) => attempt(() => readFileSync(file)))),
  environment: Object.keys(process.env).length,
};
process.send?.(outcome, undefined, undefined, () => process.disconnect?.());
