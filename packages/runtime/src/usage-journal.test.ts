import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type FunctionId, silentLogger } from '@popmesh/contracts';
import { clockFrom } from './clock-from.ts';
import { emptyUsage } from './executor/usage.ts';
import { Harness, testClock } from './testing/harness.ts';
import { parseUsage, UsageJournal, type UsageLine } from './usage-journal.ts';

const START = Date.UTC(2026, 10, 21, 4, 8, 30);
const PLACE = { node: 'n1', pop: 'fra', region: 'eu' };
const row = (name: string, requests: number) => ({
  ...emptyUsage(`default/${name}` as FunctionId, 1),
  requests,
  cpuMs: requests / 2,
  memoryBytesMax: requests * 100,
});

/** Time stands still until the test moves it. */
function handClock(startMs: number) {
  let nowMs = startMs;
  let due: { atMs: number; run: () => void } | undefined;
  return {
    clock: clockFrom({
      now: () => nowMs,
      monotonic: () => nowMs,
      setTimer: (ms, run) => {
        due = { atMs: nowMs + ms, run };
        return { cancel: () => (due = undefined) };
      },
    }),
    dueMs: () => due?.atMs,
    advanceTo(ms: number) {
      nowMs = ms;
      const fired = due;
      due = undefined;
      fired?.run();
    },
  };
}

async function readAll(directory: string): Promise<Map<string, UsageLine[]>> {
  const out = new Map<string, UsageLine[]>();
  for (const name of (await readdir(directory)).sort()) {
    out.set(name, parseUsage(await readFile(join(directory, name), 'utf8')));
  }
  return out;
}

describe('usage on disk', () => {
  const folders: string[] = [];
  after(() => Promise.all(folders.map((it) => rm(it, { recursive: true, force: true }))));

  async function journal(filesMax = 100, rowsMax = 1_000, logger = silentLogger) {
    const directory = await mkdtemp(join(tmpdir(), 'popmesh-usage-'));
    folders.push(directory);
    const hand = handClock(START);
    const open = (at = directory) =>
      new UsageJournal({ directory: at, place: PLACE, filesMax, rowsMax, logger, ...hand });
    const first = open();
    await first.start();
    return { directory, hand, open, journal: first };
  }

  test('one row per function, version and minute, in the file of its minute', async () => {
    const { directory, hand, journal: it } = await journal();
    it.add(row('a', 2));
    it.add(row('a', 3));
    it.add(row('b', 1));
    assert.equal(hand.dueMs(), START + 30_000, 'written as the minute ends');
    hand.advanceTo(START + 30_000);
    it.add(row('a', 10));
    await it.stop();
    const files = await readAll(directory);
    assert.deepEqual([...files.keys()], ['2026-11-21T04-08Z.ndjson', '2026-11-21T04-09Z.ndjson']);
    const [first, second] = [...files.values()];
    assert.deepEqual(
      first?.map((line) => [line.function, line.requests, line.cpuMs, line.memoryBytesMax]),
      [
        ['default/a', 5, 2.5, 300],
        ['default/b', 1, 0.5, 100],
      ],
    );
    assert.deepEqual(
      { ...second?.[0] },
      {
        minuteMs: START + 30_000,
        ...PLACE,
        ...row('a', 10),
      },
    );
  });

  test('a restart adds to its minute, after a line that a crash cut short', async () => {
    const { directory, open, journal: it } = await journal();
    it.add(row('a', 1));
    await it.flush();
    const [file] = await readdir(directory);
    await appendFile(join(directory, file ?? ''), '{"minuteMs":17');
    const again = open();
    again.add(row('a', 2));
    await again.stop();
    const [lines] = (await readAll(directory)).values();
    assert.deepEqual(
      lines?.map((line) => line.requests),
      [1, 2],
    );
  });

  test('what the disk refuses is kept for the next try', async () => {
    const { directory, open } = await journal();
    const late = join(directory, 'not-yet-there');
    const it = open(late);
    it.add(row('a', 1));
    await it.flush();
    await it.start();
    it.add(row('a', 2));
    await it.stop();
    const [lines] = (await readAll(late)).values();
    assert.deepEqual(
      lines?.map((line) => line.requests),
      [3],
    );
  });

  test('beyond the bound of rows further functions are not counted, and that is said', async () => {
    const said: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => said.push(message) };
    const { directory, journal: it } = await journal(100, 2, logger);
    for (const name of ['a', 'b', 'c', 'd', 'a']) it.add(row(name, 1));
    assert.equal(it.dropped, 2);
    assert.equal(said.length, 1, 'once, not with every report');
    await it.flush();
    assert.match(said[1] ?? '', /counted again/);
    it.add(row('c', 1));
    await it.stop();
    const lines = [...(await readAll(directory)).values()].flat();
    assert.deepEqual(
      lines.map((line) => [line.function, line.requests]),
      [
        ['default/a', 2],
        ['default/b', 1],
        ['default/c', 1],
      ],
    );
  });

  test('the oldest files go first', async () => {
    const { directory, hand, journal: it } = await journal(2);
    for (let minute = 0; minute < 4; minute++) {
      hand.advanceTo(START + minute * 60_000);
      it.add(row('a', 1));
      await it.flush();
    }
    await it.stop();
    assert.deepEqual(
      [...(await readAll(directory)).keys()],
      ['2026-11-21T04-10Z.ndjson', '2026-11-21T04-11Z.ndjson'],
    );
  });

  test('nothing is lost on a clean stop of a real runtime', async () => {
    const harness = await Harness.start();
    try {
      await harness.deploy('default/f');
      for (let i = 0; i < 7; i++)
        assert.equal((await harness.call('default/f', '/hello')).text, 'hello');
      // Well before the executor's next report and the end of the minute.
      await harness.runtime.stop();
      const lines = [...(await readAll(join(harness.directory, 'usage'))).values()].flat();
      const total = (key: 'requests' | 'wallMs' | 'bytesOut' | 'gbSeconds' | 'coldStarts') =>
        lines.reduce((sum, line) => sum + line[key], 0);
      assert.equal(total('requests'), 7);
      assert.ok(total('wallMs') > 0 && total('bytesOut') > 0 && total('gbSeconds') > 0);
      assert.equal(total('coldStarts'), 0, 'it was started when it was deployed');
      assert.ok(lines.some((line) => line.memoryBytesMax >= 1024 * 1024));
      assert.ok(lines.every((line) => line.pop === 'fra' && line.version === 1));
    } finally {
      await harness.stop();
    }
  });

  test('a node that is killed loses at most the running minute', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'popmesh-metered-'));
    folders.push(directory);
    const entry = fileURLToPath(new URL('./testing/metered-node.ts', import.meta.url));
    const node = fork(entry, [directory], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    try {
      const [executor] = (await once(node, 'message')) as [number];
      const serve = async (count: number): Promise<void> => {
        node.send(count);
        await once(node, 'message');
      };
      const onDisk = async (): Promise<number> => {
        const files = await readAll(join(directory, 'usage'));
        return [...files.values()].flat().reduce((sum, line) => sum + line.requests, 0);
      };
      await serve(5);
      node.send(0);
      while ((await onDisk()) < 5) await testClock.sleep(50);
      await serve(3);
      node.kill('SIGKILL');
      await once(node, 'exit');
      assert.equal(await onDisk(), 5, 'the minute before is whole');
      // Nothing of it goes on: the executor ends with its daemon.
      while (await isRunning(executor)) await testClock.sleep(10);
    } finally {
      node.kill('SIGKILL');
    }
  });
});

/** One that nobody has reaped yet, as in a container whose first process does not, runs no more. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return status !== '' && !/\) [ZX] /.test(status);
}
