import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { GuestResponse, Outbound } from './door.ts';
import { FETCH_HELD_BYTES_MAX, GuestFetches } from './guest-fetches.ts';
import { GuestPipes, PIPE_LIMITS } from './guest-pipes.ts';
import { BytePipe } from './pipes.ts';

/** What a guest hands over lies outside of its memory: as many copies as it may have numbers for. */

const LARGE = new Uint8Array(8 * 1024 * 1024);
const WAIT = 3;

const pipesOf = (): GuestPipes =>
  new GuestPipes(
    () => new BytePipe(65_536),
    () => 65_536,
    () => {},
    () => 0,
  );

test('large writes into many pipes are bounded together, and one of any size is not', () => {
  const pipes = pipesOf();
  const most = PIPE_LIMITS.heldBytesMax / LARGE.length + 1;
  const numbers = Array.from({ length: most }, () => pipes.open());
  for (const number of numbers) assert.equal(pipes.write(1, number, LARGE), WAIT);
  assert.throws(() => pipes.write(1, pipes.open(), LARGE), /the pipes hold more than/);
  assert.equal(pipes.write(1, pipes.open(), LARGE.subarray(0, 100)), 1, 'what is small passes');
  for (const number of numbers.slice(0, 2)) pipes.cancel(number);
  assert.equal(pipes.write(1, pipes.open(), LARGE), WAIT);
});

test('bodies of fetches that wait are bounded together', async () => {
  const asked: PromiseWithResolvers<GuestResponse>[] = [];
  const outbound = {
    fetch: () => {
      const answer = Promise.withResolvers<GuestResponse>();
      asked.push(answer);
      return answer.promise;
    },
  };
  const settled: number[] = [];
  const fetches = new GuestFetches(
    () => outbound as unknown as Outbound,
    pipesOf(),
    (wait) => void settled.push(wait),
    () => 0,
  );
  const begin = (wait: number): void =>
    fetches.begin(wait, {
      method: 'POST',
      url: 'http://a.example/',
      headers: '',
      body: { tag: 'bytes', val: LARGE },
    });
  const most = FETCH_HELD_BYTES_MAX / LARGE.length + 1;
  for (let wait = 0; wait <= most; wait++) begin(wait);
  await turn();
  assert.deepEqual(settled, [most], 'the last is refused');
  assert.match(JSON.stringify(fetches.take(most)), /outbound_limit_exceeded/);
  assert.equal(asked.length, most);
  asked[0]?.reject(new Error('gone'));
  await turn();
  assert.equal(settled.length, 2);
  begin(100);
  assert.equal(asked.length, most + 1);
});
