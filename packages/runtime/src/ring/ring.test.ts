import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { createRing, RING_LIMITS, type RingAtomics, RingReader, RingWriter } from './byte-ring.ts';
import { Inbox, type Posted } from './inbox.ts';
import { Outbox } from './outbox.ts';
import {
  RECORD,
  readLog,
  readRequest,
  recordKind,
  responseBody,
  responseLines,
  responseStatus,
  writeLog,
  writeRequest,
  writeResponse,
} from './records.ts';

/** One side's event loop: what it was asked to run later, and the messages on their way to it. */
interface Side {
  readonly later: (() => void)[];
  readonly messages: Posted[];
}

/**
 * A writer and a reader whose every atomic operation may have the other side's next steps before
 * it, chosen by `choose`: all that two threads can do to each other through the cells.
 */
class World {
  readonly writer: Side = { later: [], messages: [] };
  readonly reader: Side = { later: [], messages: [] };
  readonly got: number[] = [];
  readonly #choose: (below: number) => number;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  #busy: 'writer' | 'reader' | undefined;
  #nested = false;
  #sent = 0;
  #toSend: number;

  constructor(choose: (below: number) => number, toSend: number, ringBytes: number) {
    this.#choose = choose;
    this.#toSend = toSend;
    const ring = createRing(ringBytes);
    this.#outbox = new Outbox({
      ring,
      post: (message) => this.reader.messages.push(structuredClone(message)),
      schedule: (run) => this.writer.later.push(run),
      atomics: this.#atomics(),
    });
    this.#inbox = new Inbox({
      ring,
      schedule: (run) => this.reader.later.push(run),
      expects: () => choose(3) > 0,
      ...(choose(2) === 0 ? {} : { between: (run) => this.reader.later.unshift(run) }),
      onBroken: assert.fail,
      onWork: () => {},
      onRecord: (reader) => this.got.push(reader.words[reader.at >> 2] as number),
      onBatch: (batch) => this.got.push(...(batch.slice(1) as number[])),
      atomics: this.#atomics(),
    });
  }

  #atomics(): RingAtomics {
    const before = (): void => {
      if (this.#nested || this.#busy === undefined || this.#choose(2) === 0) return;
      const own = this.#busy;
      this.#nested = true;
      this.#busy = undefined;
      const other = own === 'writer' ? 'reader' : 'writer';
      for (let steps = 1 + this.#choose(4); steps > 0; steps--) this.#step(other);
      this.#busy = own;
      this.#nested = false;
    };
    const hooked = <A extends unknown[], R>(run: (...args: A) => R) => {
      return (...args: A): R => {
        before();
        return run(...args);
      };
    };
    return {
      load: hooked(Atomics.load),
      store: hooked(Atomics.store),
      exchange: hooked(Atomics.exchange),
    } as RingAtomics;
  }

  /** One thing that this side could do next; false when there is none. */
  #step(name: 'writer' | 'reader'): boolean {
    const run = name === 'writer' ? this.#writerStep() : this.#readerStep();
    if (run === undefined) return false;
    this.#busy = name;
    run();
    this.#busy = undefined;
    return true;
  }

  #writerStep(): (() => void) | undefined {
    if (this.#toSend > 0 && this.#choose(3) > 0) return () => this.#send();
    return this.writer.later.shift() ?? (this.#toSend > 0 ? () => this.#send() : undefined);
  }

  #readerStep(): (() => void) | undefined {
    const message = this.#choose(2) === 0 ? this.reader.messages.shift() : undefined;
    if (message !== undefined) return () => this.#inbox.receive(message);
    const later = this.reader.later.shift();
    if (later !== undefined) return later;
    const last = this.reader.messages.shift();
    return last && (() => this.#inbox.receive(last));
  }

  #send(): void {
    this.#toSend--;
    const item = this.#sent++;
    const bytes = 4 * (1 + this.#choose(40));
    const at = this.#choose(4) === 0 ? -1 : this.#outbox.reserve(bytes);
    if (at < 0) this.#outbox.push(item);
    else {
      this.#outbox.writer.words[at >> 2] = item;
      this.#outbox.commit(bytes);
    }
  }

  /** Runs both sides until neither has anything to do. */
  run(): void {
    for (let idle = 0; idle < 2; ) {
      const first = this.#choose(2) === 0 ? 'writer' : 'reader';
      const moved = this.#step(first) || this.#step(first === 'writer' ? 'reader' : 'writer');
      idle = moved ? 0 : idle + 1;
    }
  }
}

describe('two ends of a ring', () => {
  test('nothing is lost, doubled or overtaken, and nobody sleeps on something, however the sides interleave', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(256, 1_024, 16_384),
        (seed, count, ringBytes) => {
          let state = seed;
          const choose = (below: number): number => {
            state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
            return (state >> 8) % below;
          };
          const world = new World(choose, count, ringBytes);
          world.run();
          assert.deepEqual(
            world.got,
            Array.from({ length: count }, (_, index) => index),
          );
        },
      ),
      { numRuns: 5_000, seed: 20_261_121 },
    );
  });

  test('two real threads, records and messages mixed: all in order, none left', async () => {
    const [there, back] = [createRing(4_096), createRing(4_096)];
    const worker = new Worker(new URL('../testing/ring-echo.ts', import.meta.url), {
      workerData: { there, back },
    });
    const count = 30_000;
    let expected = 0;
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      const outbox = new Outbox({
        ring: there,
        post: (message) => worker.postMessage(message),
        schedule: (run) => setImmediate(run),
      });
      const take = (item: number): void => {
        if (item !== expected++) reject(new Error(`got ${item} in place of ${expected - 1}`));
        if (expected === count) resolve();
      };
      const inbox = new Inbox({
        ring: back,
        schedule: (run) => setImmediate(run),
        onBroken: reject,
        onWork: () => {},
        onRecord: (reader) => take(reader.words[reader.at >> 2] as number),
        onBatch: (batch) => {
          for (const item of batch.slice(1)) take(item as number);
        },
      });
      worker.on('message', (message: Posted) => inbox.receive(message));
      let sent = 0;
      const send = (): void => {
        // Now and then the other side is let fall asleep.
        const some = sent % 7 === 0 ? 1 : 50;
        for (let i = 0; i < some && sent < count; i++, sent++) {
          const at = sent % 11 === 0 ? -1 : outbox.reserve(4 + (sent % 64) * 4);
          if (at < 0) outbox.push(sent);
          else {
            outbox.writer.words[at >> 2] = sent;
            outbox.commit(4 + (sent % 64) * 4);
          }
        }
        if (sent < count) setImmediate(send);
      };
      send();
    });
    await worker.terminate();
    assert.equal(expected, count);
  });

  test('whatever stands in the memory, a reader stays within it or refuses', () => {
    const lengths = fc.oneof(fc.integer(), fc.integer({ min: -4, max: 600 }));
    fc.assert(
      fc.property(fc.array(lengths, { maxLength: 64 }), lengths, (words, written) => {
        const reader = new RingReader(createRing(256));
        reader.words.set(words);
        reader.cells[0] = written;
        for (let looked = 0; looked < 100; looked++) {
          try {
            if (!reader.peek()) return;
          } catch (error) {
            assert.match(String(error), /no whole record/);
            return;
          }
          assert.ok(reader.at >= 8 && reader.at + reader.length <= 256 && reader.length >= 0);
          reader.release();
        }
      }),
      { numRuns: 3_000, seed: 20_261_121 },
    );
  });

  test('a ring that is full takes no more, and takes more when it was read', () => {
    const ring = createRing(256);
    const writer = new RingWriter(ring);
    const reader = new RingReader(ring);
    let sent = 0;
    for (; writer.reserve(56) >= 0; sent++) writer.commit(56, 0);
    assert.equal(sent, 4);
    assert.ok(reader.peek());
    reader.release();
    assert.notEqual(writer.reserve(56), -1);
    assert.equal(writer.reserve(RING_LIMITS.recordBytesMax), -1);
  });
});

describe('records', () => {
  const carry = () => {
    const ring = createRing();
    const outbox = new Outbox({ ring, post: () => assert.fail(), schedule: () => {} });
    const reader = new RingReader(ring);
    return { outbox, reader };
  };
  const latin1 = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
  });
  const wellFormed = fc.string({ unit: 'grapheme' });

  test('a request arrives as it was written', () => {
    const { outbox, reader } = carry();
    fc.assert(
      fc.property(latin1, latin1, latin1, latin1, fc.option(fc.uint8Array()), (...parts) => {
        const [requestId, method, url, headerLines, bytes] = parts;
        const body = bytes ?? undefined;
        assert.ok(writeRequest(outbox, 7, -9, requestId, method, url, headerLines, body));
        assert.ok(reader.peek());
        assert.equal(recordKind(reader), RECORD.request);
        assert.deepEqual(readRequest(reader), {
          id: 7,
          sequence: -9,
          requestId,
          method,
          url,
          headerLines,
          body,
        });
        reader.release();
      }),
      { numRuns: 1_000, seed: 20_261_121 },
    );
  });

  test('a response and a log line arrive as UTF-8', () => {
    const { outbox, reader } = carry();
    const bodies = fc.oneof(wellFormed, fc.uint8Array(), fc.constant(undefined));
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), wellFormed, bodies, (status, lines, body) => {
        assert.ok(writeResponse(outbox, 3, status, lines, body));
        assert.ok(reader.peek());
        assert.equal(responseStatus(reader), status);
        assert.equal(responseLines(reader), lines);
        assert.deepEqual(Buffer.from(responseBody(reader), 'latin1'), Buffer.from(body ?? ''));
        reader.release();
        assert.ok(writeLog(outbox, 2, lines, 'id'));
        assert.ok(reader.peek());
        assert.deepEqual(readLog(reader), { level: 2, message: lines, requestId: 'id' });
        reader.release();
      }),
      { numRuns: 1_000, seed: 20_261_121 },
    );
  });

  test('what is too large is left to a message; lengths that contradict each other are refused', () => {
    const { outbox, reader } = carry();
    const large = 'x'.repeat(RING_LIMITS.recordBytesMax);
    assert.equal(writeResponse(outbox, 1, 200, '', large), false);
    assert.equal(writeRequest(outbox, 1, 1, '', '', large, '', undefined), false);
    assert.ok(writeRequest(outbox, 1, 1, '', 'GET', '/', '', undefined));
    assert.ok(reader.peek());
    const word = reader.at >> 2;
    for (const [at, value] of [
      [3, -1],
      [4, 1 << 20],
      [7, 1 << 20],
    ] as const) {
      const kept = reader.words[word + at] as number;
      reader.words[word + at] = value;
      assert.throws(() => readRequest(reader), /contradicts/);
      reader.words[word + at] = kept;
    }
    assert.equal(readRequest(reader).url, '/');
  });
});
