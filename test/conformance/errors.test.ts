import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFunction } from './javascript-function.ts';

/** What a function's log says when something fails: the author's file and line. */

const FILE = new URL(
  '../../packages/builder/src/platform-tests/libraries/failing.ts',
  import.meta.url,
).pathname;

test('stacks in the log point at the author’s file and line', async () => {
  const { get, harness, stop } = await startFunction(FILE);
  try {
    for (const [path, status, pattern] of [
      [
        '/throw',
        500,
        /RangeError: no tea here\n\s+at open \(failing\.ts:5:\d+\)\n\s+at fetch \(failing\.ts:21:\d+\)/,
      ],
      ['/reject', 500, /TypeError: later\n\s+at fail \(failing\.ts:11:\d+\)/],
      ['/wait', 200, /TypeError: later\n\s+at fail \(failing\.ts:11:\d+\)/],
      ['/log', 200, /Error: seen\n\s+at fetch \(failing\.ts:24:\d+\)/],
      [
        '/unhandled',
        200,
        /^unhandled rejection: TypeError: later\n\s+at fail \(failing\.ts:11:\d+\)/,
      ],
      ['/timer', 200, /SyntaxError: in a timer\n\s+at <anonymous> \(failing\.ts:27:\d+\)/],
    ] as const) {
      const answer = await get(path);
      assert.equal(answer.status, status, answer.text);
      const line = await harness.until(() => harness.logs.shift());
      assert.equal(line.level, 'error');
      assert.match(line.message, pattern, path);
      assert.doesNotMatch(line.message, /componentize-qjs|popmesh:platform/);
    }
    harness.logs.length = 0;
    await get('/levels');
    await harness.until(() => harness.logs.length === 6);
    assert.deepEqual(
      harness.logs.map(({ level, message }) => [level, message.split('\n')[0]]),
      [
        ['debug', 'd'],
        ['info', 'l'],
        ['info', 'i'],
        ['warn', 'w'],
        ['error', 'e'],
        ['debug', 'Trace: t'],
      ],
    );
  } finally {
    await stop();
  }
});

test('an unhandled rejection is logged before an instance for one request goes', async () => {
  const { get, harness, stop } = await startFunction(FILE, { isolation: 'request' });
  try {
    for (let i = 0; i < 3; i++) {
      assert.equal((await get('/unhandled')).text, 'ok');
      const line = await harness.until(() => harness.logs.shift());
      assert.match(line.message, /^unhandled rejection: TypeError: later\n/);
    }
  } finally {
    await stop();
  }
});
