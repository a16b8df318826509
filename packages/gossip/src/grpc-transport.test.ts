import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/**
 * Three gossips over real gRPC, in a process of its own: that it ends by itself
 * after the stop shows that no timer, socket or file was left open.
 */
test('three members over gRPC: join, spread, die, return, leave; and nothing is left open', async () => {
  const script = fileURLToPath(new URL('grpc-mesh.test-support.ts', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  // Not `exit`, which may come before the last of the output.
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
  assert.match(output, /nothing left open/);
});
