import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpaqueRecord } from '@popmesh/contracts';
import { OUTBOX_RECORDS_MAX } from './limits.ts';
import { Outbox } from './outbox.ts';

const record = (key: string, revision: number): OpaqueRecord => ({
  key,
  revision: BigInt(revision),
  payload: new Uint8Array(),
  envelope: Buffer.from(`${key}@${revision}`),
});

test('holds the newest of a key, and tells who waits when that is written', () => {
  const outbox = new Outbox();
  let told = 0;
  outbox.add(record('a', 1));
  outbox.onWritten('a', () => told++);
  outbox.add(record('a', 3));
  outbox.add(record('a', 2));
  const taken = outbox.take() ?? assert.fail();
  assert.equal(taken.revision, 3n);
  assert.equal(outbox.take(), undefined, 'one write of a key at a time');
  outbox.written(taken);
  assert.equal(told, 1);
  assert.equal(outbox.size, 0);
});

test('a newer one that comes during the write is written after it', () => {
  const outbox = new Outbox();
  outbox.add(record('a', 1));
  const first = outbox.take() ?? assert.fail();
  outbox.add(record('a', 2));
  let told = 0;
  outbox.onWritten('a', () => told++);
  outbox.written(first);
  assert.equal(told, 0);
  const second = outbox.take() ?? assert.fail();
  assert.equal(second.revision, 2n);
  outbox.written(second);
  assert.equal(told, 1);
});

test('what failed comes again, after the others', () => {
  const outbox = new Outbox();
  for (const key of ['a', 'b']) outbox.add(record(key, 1));
  const a = outbox.take() ?? assert.fail();
  outbox.failed(a);
  assert.equal(outbox.take()?.key, 'b');
  assert.equal(outbox.take()?.key, 'a');
});

test('who no longer waits is not told', () => {
  const outbox = new Outbox();
  outbox.add(record('a', 1));
  const takeBack = outbox.onWritten('a', () => assert.fail('told'));
  takeBack();
  outbox.written(outbox.take() ?? assert.fail());
});

test('is bounded: beyond, records are left to the reconcile and counted', () => {
  const outbox = new Outbox();
  for (let i = 0; i < OUTBOX_RECORDS_MAX; i++) assert.ok(outbox.add(record(`k${i}`, 1)));
  assert.equal(outbox.add(record('one-more', 1)), false);
  assert.ok(outbox.add(record('k5', 2)), 'a newer one of a held key still fits');
  assert.equal(outbox.overflows, 1);
});
