import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { atLeastRate, BODY_FIRST_BYTE_MS, BODY_LEAST_BYTES_PER_S } from './least-rate.ts';

/** One timer at a time, which is all that this asks for. */
class HandClock {
  #nowMs = 0;
  #due: { readonly atMs: number; readonly run: () => void } | undefined;

  readonly monotonic = (): number => this.#nowMs;
  readonly setTimer = (ms: number, run: () => void) => {
    const due = { atMs: this.#nowMs + ms, run };
    this.#due = due;
    return {
      cancel: () => {
        if (this.#due === due) this.#due = undefined;
      },
    };
  };

  async pass(ms: number): Promise<void> {
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs; this.#nowMs += 100) {
      const due = this.#due;
      if (due !== undefined && due.atMs <= this.#nowMs) {
        this.#due = undefined;
        due.run();
      }
      await turn();
    }
  }
}

function reading() {
  const clock = new HandClock();
  let cancelled = false;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  writer.closed.catch(() => {
    cancelled = true;
  });
  let bytes = 0;
  const whole = (async () => {
    for await (const part of atLeastRate(readable, clock)) bytes += part.length;
    return bytes;
  })();
  whole.catch(() => {});
  return { clock, writer, whole, wasCancelled: () => cancelled };
}

test('a body that never begins ends after its time, and is not read on', async () => {
  const { clock, whole, wasCancelled } = reading();
  await clock.pass(BODY_FIRST_BYTE_MS + 2_500);
  await assert.rejects(whole, { code: 'request_too_slow' });
  await turn();
  assert.ok(wasCancelled());
});

test('one that comes byte by byte does so, too, and one at the least rate does not', async () => {
  const slow = reading();
  const steady = reading();
  for (let s = 0; s < 30; s++) {
    void slow.writer.write(new Uint8Array(100)).catch(() => {});
    await slow.clock.pass(1_000);
    void steady.writer.write(new Uint8Array(BODY_LEAST_BYTES_PER_S)).catch(() => {});
    await steady.clock.pass(1_000);
  }
  await assert.rejects(slow.whole, { code: 'request_too_slow' });
  await steady.writer.close();
  assert.equal(await steady.whole, 30 * BODY_LEAST_BYTES_PER_S);
});
