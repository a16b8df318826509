import { runOf } from '../written/programs.ts';
import { streamPartPrograms } from '../written/stream-parts.ts';
import { streamPrograms } from '../written/streams.ts';
import { type Area, errorName, outcome } from './area.ts';

type Step =
  | ['enqueue', number]
  | ['close' | 'error' | 'read' | 'cancel' | 'release' | 'tee' | 'turn'];

const turn = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await null;
};

/** A program of a source's and a reader's steps; what each saw, in order. */
export const streams: Area = {
  written: runOf({ ...streamPrograms, ...streamPartPrograms }),
  readable: async ([highWaterMark, steps]: [number, Step[]]) => {
    const log: unknown[] = [];
    let controller!: ReadableStreamDefaultController<number>;
    let stream = new ReadableStream<number>(
      {
        start(given) {
          controller = given;
        },
        pull: () => void log.push('pull'),
        cancel: (reason) => void log.push(['cancel', reason]),
      },
      { highWaterMark },
    );
    let reader = stream.getReader();
    const ends: Promise<unknown>[] = [];
    const note = (name: string, promise: Promise<unknown>): void => {
      ends.push(
        promise.then(
          (value) => log.push([name, value]),
          (error: unknown) => log.push([name, errorName(error)]),
        ),
      );
    };
    for (const step of steps) {
      try {
        if (step[0] === 'enqueue') controller.enqueue(step[1]);
        if (step[0] === 'close') controller.close();
        if (step[0] === 'error') controller.error(new RangeError('told'));
        if (step[0] === 'read') note('read', reader.read());
        if (step[0] === 'cancel') note('cancelled', reader.cancel('enough'));
        if (step[0] === 'turn') await turn();
        if (step[0] === 'release') {
          reader.releaseLock();
          reader = stream.getReader();
        }
        if (step[0] === 'tee') {
          reader.releaseLock();
          const [left, right] = stream.tee();
          stream = left;
          reader = left.getReader();
          note('right', right.getReader().read());
        }
      } catch (error) {
        log.push([step[0], errorName(error)]);
      }
      log.push(controller.desiredSize);
    }
    // Node settles some promises only after the microtasks.
    await new Promise((resolve) => setTimeout(resolve, 1));
    return log;
  },
  transform: async ([writableMark, readableMark, chunks]: [number, number, number[]]) => {
    const log: unknown[] = [];
    const { readable, writable } = new TransformStream<number, number>(
      {
        transform(chunk, controller) {
          log.push(['transform', chunk, controller.desiredSize]);
          if (chunk === 13) throw new RangeError('unlucky');
          if (chunk === 7) controller.terminate();
          else if (chunk % 2 === 0) controller.enqueue(chunk * 2);
        },
        flush: (controller) => controller.enqueue(-1),
      },
      { highWaterMark: writableMark },
      { highWaterMark: readableMark },
    );
    const writer = writable.getWriter();
    const reader = readable.getReader();
    const written = chunks.map((chunk) => {
      log.push(writer.desiredSize);
      return writer.write(chunk).catch(errorName);
    });
    const closed = writer.close().catch(errorName);
    const read: unknown[] = [];
    for (;;) {
      const part = await reader.read().catch(errorName);
      if (typeof part === 'string') {
        read.push(part);
        break;
      }
      if (part.done) break;
      read.push(part.value);
    }
    return [log, read, await Promise.all(written), await closed];
  },
  writable: async ([highWaterMark, steps]: [number, ('write' | 'close' | 'abort' | 'fail')[]]) => {
    const log: unknown[] = [];
    let failing = false;
    const stream = new WritableStream<number>(
      {
        write(chunk) {
          log.push(['sink', chunk]);
          if (failing) throw new RangeError('full');
        },
        close: () => void log.push('closed'),
        abort: (reason) => void log.push(['aborted', String(reason)]),
      },
      { highWaterMark },
    );
    const writer = stream.getWriter();
    writer.closed.catch(() => {});
    writer.ready.catch(() => {});
    const ends: Promise<unknown>[] = [];
    let count = 0;
    for (const step of steps) {
      if (step === 'fail') failing = true;
      if (step === 'write') ends.push(outcome(() => writer.write(++count)));
      if (step === 'close') ends.push(outcome(() => writer.close()));
      if (step === 'abort') ends.push(outcome(() => writer.abort('no more')));
      log.push(await outcome(() => writer.desiredSize));
    }
    const results = await Promise.all(ends);
    return [log, results];
  },
  pipe: async ([chunks, options, failAt]: [
    number[],
    Parameters<ReadableStream['pipeTo']>[1],
    number,
  ]) => {
    const log: unknown[] = [];
    const source = new ReadableStream<number>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        if (failAt === 99) controller.error(new RangeError('source'));
        else controller.close();
      },
      cancel: (reason) => void log.push(['cancel', errorName(reason)]),
    });
    const sink = new WritableStream<number>({
      write(chunk) {
        log.push(chunk);
        if (chunk === failAt) throw new TypeError('sink');
      },
      close: () => void log.push('close'),
      abort: (reason) => void log.push(['abort', errorName(reason)]),
    });
    const result = await outcome(() => source.pipeTo(sink, options));
    return [log, result, source.locked, sink.locked];
  },
  bytes: async ([chunks, sizes]: [number[][], number[]]) => {
    const left = chunks.map((chunk) => Uint8Array.from(chunk));
    const stream = new ReadableStream({
      type: 'bytes',
      pull(controller) {
        const chunk = left.shift();
        if (chunk === undefined) {
          controller.close();
          controller.byobRequest?.respond(0);
        } else if (chunk.length > 0) controller.enqueue(chunk);
        else controller.byobRequest?.respondWithNewView(new Uint8Array(0));
      },
    });
    const reader = stream.getReader({ mode: 'byob' });
    const seen: unknown[] = [];
    for (const size of sizes) {
      seen.push(await outcome(async () => await reader.read(new Uint8Array(size))));
    }
    return seen;
  },
  iterate: async ([values, stopAt]: [number[], number]) => {
    const log: unknown[] = [];
    const stream = ReadableStream.from(
      (function* () {
        try {
          yield* values;
        } finally {
          log.push('finally');
        }
      })(),
    );
    for await (const value of stream as unknown as AsyncIterable<number>) {
      log.push(value);
      if (value === stopAt) break;
    }
    return [log, stream.locked];
  },
};
