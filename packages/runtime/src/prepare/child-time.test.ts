import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { testClock } from '../testing/harness.ts';
import { cpuMsOf, limitTime, WALL_FACTOR } from './child-time.ts';

/** A child that gets `share` of the CPU, on a clock that stands still between its timers. */
async function outcomeOf(
  share: number | undefined,
): Promise<{ isSpent: boolean; atMs: number; looks: number }> {
  let nowMs = 5_000;
  let looks = 0;
  const isSpent = await new Promise<boolean>((onOver) => {
    limitTime({
      limitMs: 1_000,
      clock: {
        monotonic: () => nowMs,
        setTimer: (ms, run) => {
          queueMicrotask(() => {
            nowMs += ms;
            run();
          });
          return { cancel: () => {} };
        },
      },
      cpuMs: async () => {
        looks++;
        return share === undefined ? undefined : (nowMs - 5_000) * share;
      },
      onOver,
    });
  });
  return { isSpent, atMs: nowMs - 5_000, looks };
}

test('a child that has a core ends at the limit, one that has less later, one with none at last', async () => {
  assert.deepEqual(await outcomeOf(1), { isSpent: true, atMs: 1_000, looks: 1 });
  assert.deepEqual(await outcomeOf(undefined), { isSpent: true, atMs: 1_000, looks: 1 });
  const half = await outcomeOf(0.5);
  assert.ok(half.isSpent && half.atMs >= 2_000 && half.atMs < 2_050, `${half.atMs} ms`);
  assert.ok(half.looks < 20, `${half.looks} looks`);
  const starved = await outcomeOf(0.01);
  assert.deepEqual([starved.isSpent, starved.atMs], [false, WALL_FACTOR * 1_000]);
});

test('one that is done is not looked at again', async () => {
  const timer = limitTime({
    limitMs: 1,
    clock: testClock,
    cpuMs: async () => {
      timer.cancel();
      return 1;
    },
    onOver: () => assert.fail('over'),
  });
  await testClock.sleep(5);
});

test('the CPU time of a process is what the kernel says', {
  skip: !existsSync('/proc/self/stat') && 'needs /proc',
}, async () => {
  const script =
    'const end = process.cpuUsage().user + 3e5; while (process.cpuUsage().user < end);';
  const child = spawn(process.execPath, [
    '-e',
    `${script} console.log(1); setInterval(() => {}, 1e6)`,
  ]);
  await once(child.stdout, 'data');
  const cpuMs = await cpuMsOf(child.pid ?? 0);
  assert.ok(cpuMs !== undefined && cpuMs >= 290, `${cpuMs} ms`);
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.equal(await cpuMsOf(child.pid ?? 0), undefined);
});
