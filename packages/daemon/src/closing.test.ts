import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Logger, silentLogger } from '@popmesh/contracts';
import { VirtualClock } from '@popmesh/simulation';
import { Closing } from './closing.ts';

test('closes in the opposite order, past what fails and what hangs, once', async () => {
  const clock = new VirtualClock();
  const failed: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (_message, fields) => void failed.push(fields?.part),
  };
  const closing = new Closing(clock, logger);
  const order: string[] = [];
  closing.add('store', 100, () => void order.push('store'));
  closing.add('broken', 100, () => {
    order.push('broken');
    throw new Error('no');
  });
  closing.add('hanging', 100, () => {
    order.push('hanging');
    return new Promise(() => {});
  });
  closing.add('server', 100, async () => void order.push('server'));

  const closed = closing.close();
  assert.equal(closing.close(), closed);
  let over = false;
  void closed.then(() => {
    over = true;
  });
  await clock.advanceUntil(() => over, 1000);
  assert.deepEqual(order, ['server', 'hanging', 'broken', 'store']);
  assert.deepEqual(failed, ['hanging', 'broken']);
});
