import { errorName, outcome } from '../areas/area.ts';
import type { Programs } from './programs.ts';
import { bytes, collect, failing, of, sink, turn } from './stream-tools.ts';

/** What the standard says of tee, pipeTo, transforms and errors on their way, one case each. */

export const streamPrograms: Programs = {
  'tee: both branches see all': async () => {
    const [a, b] = of(1, 2, 3).tee();
    return [await collect(a), await collect(b)];
  },
  'tee: one branch waits for nobody': async () => {
    const [a, b] = of('x', 'y').tee();
    const first = await collect(a);
    await turn();
    return [first, await collect(b)];
  },
  'tee: an error reaches both': async () => {
    const [a, b] = failing(new RangeError('no'), 1).tee();
    return await Promise.all([collect(a), collect(b)]);
  },
  'tee: the source is cancelled when both are, with both reasons': async () => {
    const log: unknown[] = [];
    const source = new ReadableStream({ cancel: (reason) => void log.push(reason) });
    const [a, b] = source.tee();
    const first = a.cancel('one');
    await turn();
    log.push('between');
    await Promise.all([first, b.cancel('two')]);
    return log;
  },
  'tee: one cancelled branch leaves the other whole': async () => {
    const [a, b] = of(1, 2).tee();
    void a.cancel('enough');
    return await collect(b);
  },
  'tee: cancel rejects with what the source throws': async () => {
    const source = new ReadableStream({
      cancel: () => {
        throw new TypeError('stay');
      },
    });
    const [a, b] = source.tee();
    return await Promise.all([outcome(() => a.cancel()), outcome(() => b.cancel())]);
  },
  'tee: the original is locked': () => {
    const source = of(1);
    source.tee();
    return [source.locked, outcome(() => source.getReader())];
  },
  'tee: chunks are the same object in both': async () => {
    const chunk = { a: 1 };
    const [a, b] = of(chunk).tee();
    const [x, y] = [await a.getReader().read(), await b.getReader().read()];
    return [x.value === chunk, y.value === chunk];
  },
  'tee of bytes: each branch has its own': async () => {
    const source = new ReadableStream({
      type: 'bytes',
      start(controller) {
        controller.enqueue(bytes(1, 2, 3));
        controller.close();
      },
    });
    const [a, b] = source.tee();
    const [x, y] = [await a.getReader().read(), await b.getReader().read()];
    (x.value as Uint8Array)[0] = 9;
    return [x.value, y.value];
  },
  'tee of bytes: a branch is read with BYOB': async () => {
    const source = new ReadableStream({
      type: 'bytes',
      start(controller) {
        controller.enqueue(bytes(1, 2, 3));
        controller.close();
      },
    });
    const [a, b] = source.tee();
    const reader = a.getReader({ mode: 'byob' });
    return [await reader.read(new Uint8Array(2)), await collect(b)];
  },

  'pipeTo: all and then close': async () => {
    const log: unknown[] = [];
    await of(1, 2).pipeTo(sink(log));
    return log;
  },
  'pipeTo: preventClose leaves the sink open': async () => {
    const log: unknown[] = [];
    const to = sink(log);
    await of(1).pipeTo(to, { preventClose: true });
    const writer = to.getWriter();
    await writer.write('more');
    return [log, writer.desiredSize];
  },
  'pipeTo: an error of the source aborts the sink with it': async () => {
    const log: unknown[] = [];
    const result = await outcome(() => failing(new RangeError('r'), 1).pipeTo(sink(log)));
    return [result, log];
  },
  'pipeTo: preventAbort spares the sink': async () => {
    const log: unknown[] = [];
    const to = sink(log);
    const result = await outcome(() =>
      failing(new RangeError('r'), 1).pipeTo(to, { preventAbort: true }),
    );
    await to.getWriter().write('after');
    return [result, log];
  },
  'pipeTo: an error of the sink cancels the source with it': async () => {
    const log: unknown[] = [];
    const source = new ReadableStream({
      pull: (controller) => controller.enqueue(1),
      cancel: (reason) => void log.push(['cancel', errorName(reason)]),
    });
    const to = sink(log, {
      write: () => {
        throw new TypeError('full');
      },
    });
    return [await outcome(() => source.pipeTo(to)), log, source.locked, to.locked];
  },
  'pipeTo: preventCancel spares the source': async () => {
    const log: unknown[] = [];
    const source = new ReadableStream({
      pull: (controller) => controller.enqueue(1),
      cancel: () => void log.push('cancel'),
    });
    const to = sink(log, {
      write: () => {
        throw new TypeError('full');
      },
    });
    const result = await outcome(() => source.pipeTo(to, { preventCancel: true }));
    return [result, log, (await source.getReader().read()).value];
  },
  'pipeTo: a closed sink cancels the source': async () => {
    const log: unknown[] = [];
    const to = sink(log);
    await to.getWriter().close();
    const closed = new WritableStream();
    const writer = closed.getWriter();
    await writer.close();
    writer.releaseLock();
    const source = new ReadableStream({ cancel: (reason) => void log.push(errorName(reason)) });
    return [await outcome(() => source.pipeTo(closed)), log];
  },
  'pipeTo: a sink that was in error': async () => {
    const to = new WritableStream({
      start: (controller) => controller.error(new RangeError('before')),
    });
    const log: unknown[] = [];
    const source = new ReadableStream({ cancel: (reason) => void log.push(errorName(reason)) });
    return [await outcome(() => source.pipeTo(to)), log];
  },
  'pipeTo: locked ones are refused': async () => {
    const [source, to] = [of(1), sink([])];
    source.getReader();
    const first = await outcome(() => source.pipeTo(to));
    const other = sink([]);
    other.getWriter();
    return [first, await outcome(() => of(1).pipeTo(other)), to.locked];
  },
  'pipeTo: a signal that was aborted': async () => {
    const log: unknown[] = [];
    const source = new ReadableStream({
      cancel: (reason) => void log.push(['cancel', String(reason)]),
    });
    const to = sink(log, { abort: (reason) => void log.push(['abort', String(reason)]) });
    const signal = AbortSignal.abort('why');
    return [await outcome(() => source.pipeTo(to, { signal })), log];
  },
  'pipeTo: a signal in the middle, its reason goes both ways': async () => {
    const log: unknown[] = [];
    const stop = new AbortController();
    const source = new ReadableStream({
      pull: (controller) => controller.enqueue('chunk'),
      cancel: (reason) => void log.push(['cancel', errorName(reason)]),
    });
    const to = sink(log, {
      write: (chunk) => {
        if (log.push(chunk) === 3) stop.abort(new RangeError('stop'));
      },
    });
    return [await outcome(() => source.pipeTo(to, { signal: stop.signal })), log];
  },
  'pipeTo: a signal with preventAbort and preventCancel': async () => {
    const log: unknown[] = [];
    const stop = new AbortController();
    const source = new ReadableStream({ cancel: () => void log.push('cancel') });
    const to = sink(log);
    const piped = source.pipeTo(to, {
      signal: stop.signal,
      preventAbort: true,
      preventCancel: true,
    });
    stop.abort('why');
    return [await outcome(() => piped), log, source.locked, to.locked];
  },
  'pipeTo: what is written waits for the sink': async () => {
    const log: unknown[] = [];
    let pulled = 0;
    const source = new ReadableStream(
      {
        pull: (controller) => void (++pulled > 4 ? controller.close() : controller.enqueue(pulled)),
      },
      { highWaterMark: 0 },
    );
    await source.pipeTo(
      new WritableStream({
        write: async (chunk) => {
          await turn();
          log.push([chunk, pulled]);
        },
      }),
    );
    return log;
  },

  'pipeThrough: answers the readable side': async () =>
    collect(
      of('a', 'b').pipeThrough(
        new TransformStream({ transform: (chunk, c) => c.enqueue(chunk + chunk) }),
      ),
    ),
  'pipeThrough: an error of the transform ends both': async () => {
    const log: unknown[] = [];
    const source = new ReadableStream({
      pull: (controller) => controller.enqueue(1),
      cancel: (reason) => void log.push(errorName(reason)),
    });
    const out = source.pipeThrough(
      new TransformStream({
        transform: () => {
          throw new RangeError('bad');
        },
      }),
    );
    const seen = await collect(out);
    await turn();
    return [seen, log];
  },
  'pipeThrough: cancelling the end cancels the beginning': async () => {
    const log: unknown[] = [];
    const source = new ReadableStream({ cancel: (reason) => void log.push(reason) });
    await source.pipeThrough(new TransformStream()).cancel('done');
    await turn();
    return log;
  },
  'transform: cancel and abort are told': async () => {
    const log: unknown[] = [];
    const make = () =>
      new TransformStream({
        cancel: (reason: unknown) => void log.push(['cancel', reason]),
      } as ConstructorParameters<typeof TransformStream>[0]);
    await make().readable.cancel('r');
    await make().writable.abort('w');
    return log;
  },
  'transform: terminate closes the one and breaks the other': async () => {
    const stream = new TransformStream({ start: (controller) => controller.terminate() });
    const writer = stream.writable.getWriter();
    return [
      await collect(stream.readable),
      await outcome(() => writer.write(1)),
      await outcome(() => writer.closed),
    ];
  },
};
