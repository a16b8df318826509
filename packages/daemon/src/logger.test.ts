import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { PopmeshError } from '@popmesh/contracts';
import { createMetrics, METRIC_LABEL_SETS_MAX, realClock, realRandom } from './index.ts';
import { describeError } from './logger.ts';

test('lines are JSON, secrets are not in them', () => {
  const door = new URL('index.ts', import.meta.url).href;
  const out = execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { createLogger } from ${JSON.stringify(door)};
       const log = createLogger({ name: 'x' }).child({ node: 'n1' });
       log.debug('hidden'); log.info('hello', { token: 't0p', request: { authorization: 'Bearer t0p' } });`,
    ],
    { encoding: 'utf8' },
  );
  const line = JSON.parse(out);
  assert.equal(line.msg, 'hello');
  assert.equal(line.level, 'info');
  assert.equal(line.node, 'n1');
  assert.doesNotMatch(out, /t0p/);
});

test('the level may change, for children, too', () => {
  const door = new URL('index.ts', import.meta.url).href;
  const out = execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { createLogger } from ${JSON.stringify(door)};
       const root = createLogger({ name: 'x', level: 'error' });
       const log = root.child({ node: 'n1' });
       log.warn('one'); root.setLevel('debug'); log.debug('two'); root.setLevel('warn'); log.info('three');`,
    ],
    { encoding: 'utf8' },
  );
  assert.deepEqual(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg),
    ['two'],
  );
});

test('an error shows its code and causes, and a stack only when nobody expected it', () => {
  const described = describeError(
    new PopmeshError('storage_failed', 'no', { cause: new TypeError('deep') }),
  ) as { code: string; stack?: string; cause: { message: string; stack: string } };
  assert.equal(described.code, 'storage_failed');
  assert.equal(described.stack, undefined);
  assert.equal(described.cause.message, 'deep');
  assert.match(described.cause.stack, /logger\.test/);
});

test('metrics: one per name, own registry, bounded label sets', async () => {
  const metrics = createMetrics();
  const counter = metrics.counter('requests_total', 'requests', ['function']);
  assert.equal(metrics.counter('requests_total', 'requests', ['function']), counter);
  for (let i = 0; i < METRIC_LABEL_SETS_MAX + 5; i++) counter.add(1, { function: `f${i}` });
  metrics.gauge('load', 'load').set(0.5);
  metrics.histogram('wait_ms', 'wait', [1, 10]).observe(3);
  const text = await metrics.text();
  assert.match(text, /requests_total\{function="other"\} 5/);
  assert.match(text, /values_without_labels_total\{metric="requests_total"\} 5/);
  // What is gone makes room, and is seen no more.
  metrics.forget({ function: 'f0' });
  counter.add(1, { function: 'new' });
  counter.add(1, { function: 'newer' });
  const later = await metrics.text();
  assert.match(later, /requests_total\{function="new"\} 1/);
  assert.match(later, /requests_total\{function="other"\} 6/);
  assert.doesNotMatch(later, /requests_total\{function="f0"\}/);
  assert.match(text, /^load 0\.5$/m);
  assert.match(text, /wait_ms_bucket\{le="10"\} 1/);
  assert.doesNotMatch(await createMetrics().text(), /^requests_total/m);
});

test('the real clock rejects with the reason of the signal', async () => {
  const abort = new AbortController();
  const sleeping = realClock.sleep(60_000, abort.signal);
  abort.abort(new PopmeshError('cancelled', 'mine'));
  await assert.rejects(sleeping, { code: 'cancelled', message: 'mine' });
  await assert.rejects(realClock.sleep(1, abort.signal), { message: 'mine' });
  await realClock.sleep(1);
  await new Promise<void>((resolve) => void realClock.setTimer(1, resolve));
  assert.equal(realRandom.bytes(4).length, 4);
  assert.equal(realRandom.integer(1), 0);
});
