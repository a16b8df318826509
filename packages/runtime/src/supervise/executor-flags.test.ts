import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runtimeConfigSchema } from '../config.ts';
import { executorFlags } from './executor-flags.ts';
import { EXECUTOR_ENTRY } from './executor-process.ts';

test('under the executor’s flags little is possible', async () => {
  const entry = fileURLToPath(new URL('../testing/prisoner.ts', import.meta.url));
  const child = fork(entry, [], {
    execArgv: executorFlags('/nonexistent', runtimeConfigSchema.parse(undefined)),
    env: {},
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [outcome] = (await once(child, 'message')) as [Record<string, unknown>];
  const denied = 'ERR_ACCESS_DENIED';
  assert.deepEqual(outcome, {
    readEtc: denied,
    readRepository: denied,
    readOwn: 'possible',
    write: denied,
    spawn: denied,
    evaluate: 'EvalError',
    addon: 'ERR_DLOPEN_DISABLED',
    wasi: denied,
    inspector: denied,
    worker: 'possible',
    readStaged: 'not tried',
    readOthers: [],
    environment: 0,
  });
});

test('an executor whose daemon went while it was still loading ends, too', async () => {
  const child = fork(EXECUTOR_ENTRY, [], {
    execArgv: executorFlags('/nonexistent', runtimeConfigSchema.parse(undefined)),
    env: {},
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.disconnect();
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
});
