import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UploadGate } from './upload-gate.ts';

const refusedFor = (gate: UploadGate, token: string, namespace: string): unknown => {
  try {
    gate.enter(token, namespace)();
    return undefined;
  } catch (error) {
    return (error as { details: { limit: string } }).details.limit;
  }
};

test('no token and no namespace has all places, and those that are left come back', () => {
  const gate = new UploadGate(() => 4);
  const leave = [gate.enter('a', 'one'), gate.enter('a', 'two')];
  assert.equal(refusedFor(gate, 'a', 'three'), 'uploads_per_token');
  leave.push(gate.enter('b', 'one'));
  assert.equal(refusedFor(gate, 'c', 'one'), 'uploads_per_namespace');
  leave.push(gate.enter('c', 'three'));
  assert.equal(refusedFor(gate, 'd', 'four'), 'uploads_max');
  for (const it of leave) it();
  for (let i = 0; i < 10; i++) assert.equal(refusedFor(gate, 'a', 'one'), undefined);
});

test('where there are two places one is for others, where there is one it is anybody’s', () => {
  const two = new UploadGate(() => 2);
  two.enter('a', 'one');
  assert.equal(refusedFor(two, 'a', 'one'), 'uploads_per_token');
  assert.equal(refusedFor(two, 'b', 'two'), undefined);
  const one = new UploadGate(() => 1);
  assert.equal(refusedFor(one, 'a', 'one'), undefined);
});
