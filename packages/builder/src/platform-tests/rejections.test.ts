import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startGuest } from './build-guest.ts';
import { cases, unseen } from './rejections-guest.ts';

/** Unhandled rejections: Node is the reference of what is told and what is not. */

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

async function start() {
  const { handle, host } = await startGuest({ file: here('./rejections-guest.ts') });
  let id = 0;
  /** What was reported of a request, once all that it set going has come to rest. */
  const run = async (name: string) => {
    host.reports.length = 0;
    const url = `http://g.test/${encodeURIComponent(name)}`;
    const { status, body } = await handle(++id, {
      method: 'GET',
      url,
      headers: '',
      body: { tag: 'none' },
    });
    await host.rest();
    return { status, text: body.val, reports: [...host.reports] };
  };
  return { run, host };
}

test('a function tells of the rejections that Node tells of', async () => {
  const node = await promisify(execFile)(process.execPath, [here('./rejections-in-node.ts')]);
  const toldByNode = new Set(JSON.parse(node.stdout) as string[]);
  const { run, host } = await start();
  for (const name of Object.keys(cases)) {
    const { status, reports } = await run(name);
    assert.equal(status, 200, name);
    const messages = reports.map(([message]) => message);
    assert.deepEqual(
      messages,
      toldByNode.has(name) ? [`unhandled rejection: Error: ${name}`] : [],
      name,
    );
    for (const [, stack] of reports) assert.match(stack, /^\s+at /, name);
  }
  for (const name of Object.keys(unseen)) assert.ok(toldByNode.has(name), name);
  assert.equal(host.retained, 0);
});

test('a flood of rejections is cut, and its size is told', async () => {
  const { run } = await start();
  const { reports } = await run('flood');
  assert.equal(reports.length, 101);
  assert.equal(reports[99]?.[0], 'unhandled rejection: Error: flood 99');
  assert.equal(reports[100]?.[0], 'unhandled rejection: 150 more in the same turn');
});

test('unhandledrejection is an event of the global scope, and can be prevented', async () => {
  const { run } = await start();
  const { text, reports } = await run('events');
  assert.deepEqual(String(text).split('\n').toSorted(), [
    'on prevented',
    'on seen',
    'unhandledrejection prevented true',
    'unhandledrejection seen true',
  ]);
  assert.deepEqual(
    reports.map(([message]) => message),
    ['unhandled rejection: Error: seen', 'unhandled rejection: Error: later'],
  );
});
