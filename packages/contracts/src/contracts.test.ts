import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { ERROR_CODES, PopmeshError } from './errors.ts';
import { HybridClock, revisionTimeMs } from './hybrid-clock.ts';
import { isName, parseFunctionId } from './ids.ts';
import { mergeRecord, type OpaqueRecord } from './record.ts';
import { untilAborted } from './until-aborted.ts';

test('names are DNS labels, and ids fall back to the default namespace', () => {
  for (const name of ['a', 'hello-js', 'x'.repeat(63), '9']) assert.ok(isName(name), name);
  for (const name of ['', '-a', 'a-', 'A', 'a.b', 'x'.repeat(64), 'ä', 'a b', '../x']) {
    assert.ok(!isName(name), name);
  }
  assert.deepEqual(parseFunctionId('hello'), { namespace: 'default', name: 'hello' });
  assert.deepEqual(parseFunctionId('team/hello'), { namespace: 'team', name: 'hello' });
  for (const id of ['', '/', 'a/', '/a', 'a/b/c', 'a/../b']) {
    assert.throws(() => parseFunctionId(id), { code: 'invalid_argument' }, id);
  }
});

test('an error crosses a border whole, without its cause', () => {
  const error = new PopmeshError('conflict', 'taken', {
    hint: 'Wait.',
    details: { a: 1 },
    cause: new Error('secret'),
  });
  const text = JSON.stringify(error);
  assert.ok(!text.includes('secret'));
  const back = PopmeshError.fromJSON(JSON.parse(text));
  assert.deepEqual({ ...back.toJSON() }, { ...error.toJSON() });
  assert.equal(PopmeshError.fromJSON({ code: 'made_up', message: 'x' }).code, 'internal');
  assert.equal(PopmeshError.fromJSON({ code: 'toString', message: 'x' }).code, 'internal');
});

test('every code says whose fault, whether to retry, and an HTTP status', () => {
  for (const [code, { fault, httpStatus, retryable }] of Object.entries(ERROR_CODES)) {
    assert.match(code, /^[a-z_]+$/);
    assert.ok(['caller', 'function', 'peer', 'platform'].includes(fault));
    assert.ok(httpStatus >= 400 && httpStatus < 600);
    if (fault !== 'caller') continue;
    // The same request fails again, unless what it broke is a bound on how much comes at a time.
    assert.equal(retryable, httpStatus === 408 || httpStatus === 429, code);
  }
});

test('the hybrid clock only grows, whatever the wall clock does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 2 }), (times) => {
      let now = 0;
      const clock = new HybridClock({ now: () => now } as never);
      let last = -1n;
      for (now of times) {
        const next = clock.next();
        assert.ok(next > last);
        last = next;
      }
    }),
  );
  const clock = new HybridClock({ now: () => 1000 } as never);
  clock.observe(5000n << 16n);
  assert.equal(revisionTimeMs(clock.next()), 5000);
});

test('merging gives one result in any order, with any duplication', () => {
  const record = fc
    .record({
      revision: fc.bigInt({ min: 0n, max: 4n }),
      envelope: fc.uint8Array({ minLength: 1, maxLength: 2 }),
    })
    .map(
      ({ revision, envelope }): OpaqueRecord => ({
        key: 'k',
        revision,
        envelope,
        payload: envelope,
      }),
    );
  const settle = (records: readonly OpaqueRecord[]): OpaqueRecord | undefined => {
    let held: OpaqueRecord | undefined;
    for (const incoming of records) if (mergeRecord(held, incoming) === 'applied') held = incoming;
    return held;
  };
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), fc.integer(), (records, seed) => {
      const other = [...records, ...records].sort((a, b) =>
        String(a.envelope) + seed < String(b.envelope) ? -1 : 1,
      );
      const [one, two] = [settle(records), settle(other)];
      assert.equal(one?.revision, two?.revision);
      assert.deepEqual(one?.envelope, two?.envelope);
    }),
  );
});

test('waiting ends with the work or with the signal, and leaves nothing on it', async () => {
  const listening = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;
  const { signal } = new AbortController();
  assert.equal(await untilAborted(Promise.resolve('done'), signal), 'done');
  await assert.rejects(untilAborted(Promise.reject(new Error('its own')), signal), /its own/);
  assert.equal(listening(signal), 0);

  const control = new AbortController();
  const late = Promise.withResolvers<never>();
  const waiting = untilAborted(late.promise, control.signal);
  const named = untilAborted(late.promise, control.signal, () => new Error('ours'));
  control.abort(new Error('theirs'));
  await assert.rejects(waiting, /theirs/);
  await assert.rejects(named, /ours/);
  assert.equal(listening(control.signal), 0);
  late.reject(new Error('nobody waits any more'));
  await assert.rejects(untilAborted(new Promise(() => {}), control.signal), /theirs/);
});
