import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noMetrics } from '@popmesh/contracts';
import { create, fromBinary, LogEntrySchema, toBinary } from '@popmesh/protocol';
import fc from 'fast-check';
import { DroppingFeed } from './dropping-feed.ts';
import { LogHub } from './log-hub.ts';
import {
  boundedMessage,
  fromEntry,
  LOG_LINE_BYTES_MAX,
  type LogLine,
  toEntry,
} from './log-line.ts';

const self = { id: 'n1', pop: 'fra' };
const bounds = {
  ringLinesMax: 5,
  ringBytesMax: 10_000,
  replayLinesMax: 3,
  followersMax: 2,
  followersPerReaderMax: 2,
  followerLinesMax: 4,
  followerBytesMax: 5000,
};
const line = (message: string, fn = 'default/hello') => ({
  timeMs: 1,
  function: fn as LogLine['function'],
  version: 1,
  level: 'info' as const,
  message,
  requestId: 'r',
});

async function take(lines: AsyncIterable<LogLine>, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const { message } of lines) {
    taken.push(message);
    if (taken.length === count) break;
  }
  return taken;
}

test('a follower gets the last lines, then new ones, of its functions only', async () => {
  const hub = new LogHub({ self, bounds, metrics: noMetrics });
  for (let i = 0; i < 7; i++) hub.append(line(`old ${i}`));
  hub.append(line('other', 'default/other'));
  const lines = hub.follow({ function: 'default/hello' }, new AbortController().signal);
  hub.append(line('not mine', 'default/other'));
  hub.append(line('new'));
  assert.deepEqual(await take(lines, 4), ['old 4', 'old 5', 'old 6', 'new']);
  assert.equal(hub.followers, 0, 'a reader that returns is forgotten');
});

test('a slow follower loses the oldest lines and is told how many', async () => {
  const hub = new LogHub({ self, bounds, metrics: noMetrics });
  const lines = hub.follow({ namespace: 'default' }, new AbortController().signal);
  for (let i = 0; i < 10; i++) hub.append(line(`${i}`));
  const taken = await take(lines, 5);
  assert.match(taken[0] ?? '', /^6 lines were dropped here/);
  assert.deepEqual(taken.slice(1), ['6', '7', '8', '9']);
});

test('followers are bounded, and an aborted one makes room', async () => {
  const hub = new LogHub({ self, bounds, metrics: noMetrics });
  const abort = new AbortController();
  hub.follow({}, abort.signal);
  hub.follow({}, abort.signal);
  assert.throws(() => hub.follow({}, abort.signal), { code: 'overloaded' });
  abort.abort();
  const ended = hub.follow({}, abort.signal);
  assert.deepEqual(await take(ended, 1), []);
  assert.equal(hub.followers, 0);
});

test('a feed never holds more than its bounds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 50 }),
      async (sizes) => {
        const feed = new DroppingFeed<number>({ itemsMax: 5, bytesMax: 100 }, (n) => -n);
        for (const size of sizes) {
          feed.push(size, size);
          assert.ok(feed.size <= 5);
        }
        feed.close();
        const read: number[] = [];
        for await (const item of feed) read.push(item);
        const dropped = read.reduce((sum, item) => sum + (item < 0 ? -item : 0), 0);
        const kept = read.filter((item) => item >= 0);
        assert.equal(dropped + kept.length, sizes.length);
        assert.ok(kept.reduce((sum, size) => sum + size, 0) <= 100);
      },
    ),
  );
});

test('a line is at most 16 KB of whole characters', () => {
  for (const unit of ['a', 'é', '漢', '👍', '\ud800']) {
    const message = boundedMessage(unit.repeat(20_000));
    assert.ok(Buffer.byteLength(message) <= LOG_LINE_BYTES_MAX);
    assert.ok(Buffer.byteLength(message) > LOG_LINE_BYTES_MAX - 16);
    if (unit !== '\ud800') assert.ok(!message.includes('\ufffd'), unit);
  }
  assert.equal(boundedMessage('x'.repeat(LOG_LINE_BYTES_MAX)).length, LOG_LINE_BYTES_MAX);
});

test('a line survives the wire, but a peer cannot speak for another node', () => {
  const whole: LogLine = { ...line('hi'), node: 'n1', pop: 'fra' };
  const wire = toBinary(LogEntrySchema, create(LogEntrySchema, toEntry(whole)));
  assert.deepEqual(fromEntry(fromBinary(LogEntrySchema, wire), 'n1'), whole);
  assert.equal(fromEntry(fromBinary(LogEntrySchema, wire), 'n2').node, 'n2');
});
