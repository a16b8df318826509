import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpaqueRecord } from '@popmesh/contracts';
import { KnownRecords, type StreamFacts } from './known-records.ts';

const record = (key: string, revision: number, bytes = ''): OpaqueRecord => ({
  key,
  revision: BigInt(revision),
  payload: new Uint8Array(),
  envelope: Buffer.from(`${key}@${revision}${bytes}`),
});

const facts = (lastSequence: number, keys: number, createdAt = 'monday'): StreamFacts => ({
  createdAt,
  lastSequence,
  keys,
});

function informed(): KnownRecords {
  const known = new KnownRecords();
  const plan = known.plan(facts(7, 2)) ?? assert.fail();
  known.begin(plan);
  known.saw(3, record('a', 10));
  known.saw(7, record('b', 20));
  known.finish(facts(7, 2));
  return known;
}

const WHOLE = { fromSequence: 1, full: true };

test('what must be read follows from three numbers', () => {
  assert.deepEqual(new KnownRecords().plan(facts(0, 0)), WHOLE, 'never seen');
  assert.equal(informed().plan(facts(7, 2)), undefined, 'nothing happened');
  assert.deepEqual(informed().plan(facts(9, 3)), { fromSequence: 8, full: false }, 'some new');
  assert.deepEqual(informed().plan(facts(7, 2, 'tuesday')), WHOLE, 'made anew');
  assert.deepEqual(informed().plan(facts(5, 2)), WHOLE, 'an older copy');
  assert.deepEqual(informed().plan(facts(7, 1)), WHOLE, 'one was purged');
  assert.deepEqual(informed().plan(facts(7, 2), true), WHOLE, 'not believed');
});

test('own writes in sequence need not be read back', () => {
  const known = informed();
  known.wrote(8, record('c', 30));
  assert.equal(known.plan(facts(8, 3)), undefined);
  known.wrote(10, record('d', 40));
  assert.deepEqual(known.plan(facts(10, 5)), { fromSequence: 9, full: false });
});

test('knows what the bucket holds, and leaves ties to the writer', () => {
  const known = informed();
  assert.ok(known.holds(record('a', 10)));
  assert.ok(known.holds(record('a', 9)));
  assert.ok(!known.holds(record('a', 11)));
  assert.ok(!known.holds(record('a', 10, 'other bytes')));
  assert.ok(!known.holds(record('z', 1)));
  assert.equal(known.sequenceOf('a'), 3);
  assert.equal(known.sequenceOf('z'), 0);
});

test('an older message of a key changes nothing; a foreign one holds nothing', () => {
  const known = informed();
  known.saw(2, record('a', 5));
  assert.ok(known.holds(record('a', 10)));
  known.sawForeign('a', 8);
  assert.ok(!known.holds(record('a', 1)));
  assert.equal(known.sequenceOf('a'), 8);
  known.forget('a');
  assert.equal(known.sequenceOf('a'), 0);
});
