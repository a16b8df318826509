import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExecutorEnd, RestartPolicy } from './restart-policy.ts';

const bounds = { firstMs: 50, maxMs: 10_000 };
const crash: ExecutorEnd = { lifeMs: 100, served: true, killed: false };
const kill: ExecutorEnd = { ...crash, killed: true };
const waits = (policy: RestartPolicy, ends: readonly ExecutorEnd[]): number[] =>
  ends.map((end) => policy.after(end));

test('a crash loop waits twice as long each time, up to the bound', () => {
  const policy = new RestartPolicy(bounds);
  assert.deepEqual(waits(policy, Array(5).fill(crash)), [0, 50, 100, 200, 400]);
  assert.deepEqual(waits(policy, Array(10).fill(crash)).at(-1), 10_000);
});

test('one killed again and again comes back at once, but not for ever', () => {
  const policy = new RestartPolicy(bounds);
  const all = waits(policy, Array(20).fill(kill));
  assert.deepEqual(all.slice(0, 16), Array(16).fill(0));
  assert.deepEqual(all.slice(16), [50, 100, 200, 400]);
});

test('a kill before it served is no better than a crash: it may be its memory', () => {
  const policy = new RestartPolicy(bounds);
  assert.deepEqual(waits(policy, Array(3).fill({ ...kill, served: false })), [0, 50, 100]);
});

test('a life well lived is forgiven, a short one is not', () => {
  const policy = new RestartPolicy(bounds);
  waits(policy, Array(4).fill(crash));
  assert.equal(policy.after({ ...crash, lifeMs: 60_000 }), 0);
  // Every three seconds: hardly any wait, and hardly any cost.
  for (let i = 0; i < 20; i++) assert.ok(policy.after({ ...crash, lifeMs: 3_000 }) <= 50);
  // Faster than life forgives: it adds up.
  for (let i = 0; i < 20; i++) policy.after({ ...crash, lifeMs: 1_900 });
  assert.equal(policy.after({ ...crash, lifeMs: 1_900 }), 10_000);
});
