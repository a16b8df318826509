import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeTrap, guestStack } from './trap.ts';

test('a stack shows the guest’s frames, and no path of this node', () => {
  const error = new RangeError('unreachable');
  error.stack = [
    'RangeError: unreachable',
    '    at wasm://wasm/24cb4e0e:wasm-function[83]:0x1b3a',
    '    at hello::deep (wasm://wasm/hello-1f:wasm-function[7]:0x2)',
    '    at _trampoline4 (file:///opt/popmesh/prepared/1ce6/component.js:3639:34)',
    '    at FunctionInstance.handle (/opt/popmesh/packages/runtime/src/worker/function-door.ts:9:1)',
    '    at /opt/popmesh/x.ts:1:2',
  ].join('\n');
  assert.equal(
    guestStack(error),
    'RangeError: unreachable\n    at wasm-function[83]:0x1b3a\n    at hello::deep (wasm-function[7]:0x2)',
  );
  const reported = describeTrap(error, 'Error: mine').cause as Error;
  assert.equal(guestStack(reported), 'Error: Error: mine');
});
