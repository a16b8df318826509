import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runtimeConfigSchema } from './config.ts';
import { executorFlags } from './executor-flags.ts';

test('under the executor’s flags little is possible', async () => {
  const entry = fileURLToPath(new URL('./testing/prisoner.ts', import.meta.url));
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
