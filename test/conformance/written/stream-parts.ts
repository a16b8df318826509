import { errorName, outcome } from '../areas/area.ts';
import type { Programs } from './programs.ts';
import { bytes, failing, of, turn } from './stream-tools.ts';

/** What the standard says of BYOB, readers, writers, strategies and walking, one case each. */

export const streamPartPrograms: Programs = {
  'BYOB: a view is filled and its buffer is taken': async () => {
    const source = new ReadableStream({
      type: 'bytes',
      pull: (controller) => controller.enqueue(bytes(1, 2, 3)),
    });
    const view = new Uint8Array(2);
    const { value, done } = await source.getReader({ mode: 'byob' }).read(view);
    return [value, done, view.length, view.buffer.byteLength];
  },
  'BYOB: what does not fit waits for the next': async () => {
    const source = new ReadableStream({
      type: 'bytes',
      start(controller) {
        controller.enqueue(bytes(1, 2, 3, 4, 5));
      },
    });
    const reader = source.getReader({ mode: 'byob' });
    return [await reader.read(new Uint8Array(2)), await reader.read(new Uint8Array(9))];
  },
  'BYOB: respond says how much': async () => {
    const source = new ReadableStream({
      type: 'bytes',
      pull(controller) {
        const { byobRequest } = controller;
        const view = byobRequest?.view as Uint8Array;
        new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(7);
        byobRequest?.respond(3);
      },
    });
    return await source.getReader({ mode: 'byob' }).read(new Uint8Array(5));
  },
  'BYOB: min waits for as many': async () => {
    let next = 0;
    const source = new ReadableStream({
      type: 'bytes',
      pull: (controller) => controller.enqueue(bytes(++next)),
    });
    const reader = source.getReader({ mode: 'byob' }) as unknown as {
      read(view: Uint8Array, options: object): Promise<unknown>;
    };
    return await reader.read(new Uint8Array(5), { min: 3 });
  },
  'BYOB: wrong views are refused': async () => {
    const source = new ReadableStream({ type: 'bytes' });
    const reader = source.getReader({ mode: 'byob' });
    return [
      await outcome(() => reader.read(new Uint8Array(0))),
      await outcome(() => reader.read({} as Uint8Array<ArrayBuffer>)),
    ];
  },
  'BYOB: a 16-bit view gets whole elements': async () => {
    const source = new ReadableStream({
      type: 'bytes',
      start(controller) {
        controller.enqueue(bytes(1, 0, 2, 0));
        controller.close();
      },
    });
    const { value } = await source.getReader({ mode: 'byob' }).read(new Uint16Array(2));
    return [value?.constructor.name, value?.length, value && [...value]];
  },
  'BYOB: half an element at the end is an error': async () => {
    const source = new ReadableStream({
      type: 'bytes',
      start(controller) {
        controller.enqueue(bytes(1, 0, 2));
        controller.close();
      },
    });
    const reader = source.getReader({ mode: 'byob' });
    return await outcome(async () => (await reader.read(new Uint16Array(2))).value?.length);
  },
  'BYOB: autoAllocateChunkSize gives a view to a plain read': async () => {
    const source = new ReadableStream({
      type: 'bytes',
      autoAllocateChunkSize: 4,
      pull(controller) {
        const size = controller.byobRequest?.view?.byteLength ?? -1;
        controller.byobRequest?.respond(Math.min(size, 2));
      },
    });
    return await source.getReader().read();
  },
  'BYOB: of a stream that is not of bytes': () => outcome(() => of(1).getReader({ mode: 'byob' })),
  'bytes: an empty chunk is refused': () => {
    const log: unknown[] = [];
    new ReadableStream({
      type: 'bytes',
      start(controller) {
        try {
          controller.enqueue(new Uint8Array(0));
        } catch (error) {
          log.push(errorName(error));
        }
      },
    });
    return log;
  },
  'bytes: a strategy with size is refused': () =>
    outcome(() => new ReadableStream({ type: 'bytes' }, { size: () => 1 } as never)),

  'reader: closed settles as the stream ends': async () => {
    const reader = of().getReader();
    const bad = failing(new RangeError('x')).getReader();
    return [await outcome(() => reader.closed), await outcome(() => bad.closed)];
  },
  'reader: a released one rejects what waits': async () => {
    const stream = new ReadableStream();
    const reader = stream.getReader();
    const waiting = outcome(() => reader.read());
    reader.releaseLock();
    return [await waiting, await outcome(() => reader.read()), stream.locked];
  },
  'reader: a failed start is an error': async () => {
    const stream = new ReadableStream({ start: () => Promise.reject(new RangeError('s')) });
    return await outcome(() => stream.getReader().read());
  },
  'reader: a failed pull is an error': async () => {
    const stream = new ReadableStream({ pull: () => Promise.reject(new RangeError('p')) });
    return await outcome(() => stream.getReader().read());
  },
  'controller: after close nothing may come': () => {
    const log: unknown[] = [];
    new ReadableStream({
      start(controller) {
        controller.close();
        for (const act of [() => controller.enqueue(1), () => controller.close()]) {
          try {
            act();
          } catch (error) {
            log.push(errorName(error));
          }
        }
        log.push(controller.desiredSize);
      },
    });
    return log;
  },
  'strategies: sizes count': async () => {
    const log: unknown[] = [];
    const stream = new ReadableStream(
      {
        start(controller) {
          for (const text of ['a', 'bbb']) {
            controller.enqueue(text);
            log.push(controller.desiredSize);
          }
        },
      },
      { highWaterMark: 5, size: (text: string) => text.length },
    );
    void stream;
    log.push(new CountQueuingStrategy({ highWaterMark: 2 }).size(undefined));
    log.push(new ByteLengthQueuingStrategy({ highWaterMark: 2 }).size(bytes(1, 2, 3)));
    return log;
  },
  'strategies: wrong marks and sizes': async () => [
    await outcome(() => new ReadableStream({}, { highWaterMark: -1 }) && 1),
    await outcome(() => new ReadableStream({}, { highWaterMark: Number.NaN }) && 1),
    await outcome(
      () =>
        new ReadableStream(
          { start: (it) => it.enqueue(1) },
          { size: () => -1, highWaterMark: 1 },
        ) && 1,
    ),
  ],
  'writer: abort rejects what waits': async () => {
    const stream = new WritableStream({ write: () => new Promise(() => {}) });
    const writer = stream.getWriter();
    writer.closed.catch(() => {});
    const waiting = [writer.write(1), writer.write(2)].map((it) => it.catch(errorName));
    void writer.abort(new RangeError('gone')).catch(() => {});
    return await Promise.race([waiting[1], turn().then(() => 'still waits')]);
  },
  'writer: the signal of the controller': async () => {
    let signal: AbortSignal | undefined;
    const stream = new WritableStream({
      start(controller) {
        signal = controller.signal;
      },
    });
    await stream.abort('reason');
    return [signal?.aborted, signal?.reason];
  },
  'writer: error from the inside': async () => {
    let inside: WritableStreamDefaultController | undefined;
    const stream = new WritableStream({
      start(controller) {
        inside = controller;
      },
    });
    const writer = stream.getWriter();
    inside?.error(new TypeError('inside'));
    return [
      await outcome(() => writer.write(1)),
      await outcome(() => writer.closed),
      writer.desiredSize === null,
    ];
  },
  'from: an async generator, ended early': async () => {
    const log: unknown[] = [];
    const stream = ReadableStream.from(
      (async function* () {
        try {
          yield 1;
          yield 2;
        } finally {
          log.push('finally');
        }
      })(),
    );
    const reader = stream.getReader();
    log.push(await reader.read());
    await reader.cancel('enough');
    return log;
  },
  'from: what cannot be walked': async () => [
    await outcome(() => ReadableStream.from(null as never)),
    await outcome(() => ReadableStream.from(1 as never)),
  ],
  'for await: an error and preventCancel': async () => {
    const log: unknown[] = [];
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(1),
      cancel: () => void log.push('cancel'),
    });
    for await (const value of stream.values({ preventCancel: true })) {
      log.push(value);
      break;
    }
    log.push(stream.locked);
    return [
      log,
      await outcome(async () => {
        for await (const value of failing(
          new RangeError('e'),
          1,
        ) as unknown as AsyncIterable<number>)
          log.push(value);
      }),
    ];
  },
};
