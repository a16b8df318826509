import type { InputStream } from '../input-stream.ts';
import type { IoError } from '../io-error.ts';
import { WASI_LIMITS } from '../limits.ts';
import type { OutputStream } from '../output-stream.ts';
import { type Pollable, pollNow, pollWaiting } from '../pollable.ts';
import type { Result, StreamError } from '../result.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { LoweredFunctions, Ports } from './lowering.ts';
import type { Resources } from './resources.ts';

/**
 * `wasi:io` 0.2, lowered. A function that may wait answers a promise only when it has to:
 * what is ready never suspends the guest, which costs as much as ten plain calls.
 */

/** `stream-error`, at the payload of a result. */
function putStreamError(
  memory: GuestMemory,
  at: number,
  errors: Resources<IoError>,
  error: StreamError,
): void {
  memory.setByte(at, error.tag === 'closed' ? 1 : 0);
  if (error.tag === 'last-operation-failed') memory.setU32(at + 4, errors.add(error.val));
}

/** `result<_, stream-error>` */
function putDone(ports: Ports, pointer: number, result: Result<unknown, StreamError>): void {
  const { memory } = ports;
  const at = memory.range(pointer, 12, 4);
  memory.setByte(at, result.tag === 'ok' ? 0 : 1);
  if (result.tag === 'err') putStreamError(memory, at + 4, ports.tables[1] as never, result.val);
}

/** `result<u64, stream-error>` */
function putCount(ports: Ports, pointer: number, result: Result<bigint, StreamError>): void {
  const { memory } = ports;
  const at = memory.range(pointer, 16, 8);
  memory.setByte(at, result.tag === 'ok' ? 0 : 1);
  if (result.tag === 'ok') memory.setU64(at + 8, result.val);
  else putStreamError(memory, at + 8, ports.tables[1] as never, result.val);
}

/** `result<list<u8>, stream-error>` */
function putBytes(ports: Ports, pointer: number, result: Result<Uint8Array, StreamError>): void {
  const { memory } = ports;
  const at = memory.range(pointer, 12, 4);
  if (result.tag === 'err') {
    memory.setByte(at, 1);
    putStreamError(memory, at + 4, ports.tables[1] as never, result.val);
    return;
  }
  memory.setByte(at, 0);
  const bytes = memory.putBytes(result.val);
  memory.putPair(at + 4, bytes, result.val.length);
}

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

export const LOWERED_IO: LoweredFunctions = {
  'wasi:io/poll#Pollable.ready': ({ tables }) => {
    const all = tables[0] as Resources<Pollable>;
    return (self: number) => (all.get(self).ready() ? 1 : 0);
  },

  'wasi:io/poll#Pollable.block': ({ tables }) => {
    const all = tables[0] as Resources<Pollable>;
    return (self: number) => {
      const pollable = all.get(self);
      return pollable.ready() ? undefined : pollable.block();
    };
  },

  'wasi:io/poll#poll': ({ memory, tables, host }) => {
    const all = tables[0] as Resources<Pollable>;
    return (list: number, length: number, result: number) => {
      const count = length >>> 0;
      if (count === 0) throw new Error('wasi:io/poll: the list is empty');
      if (count > WASI_LIMITS.pollables) {
        throw new Error(`wasi:io/poll: more than ${WASI_LIMITS.pollables} pollables`);
      }
      const from = memory.range(list, count * 4, 4);
      const pollables: Pollable[] = [];
      for (let i = 0; i < count; i++) pollables.push(all.get(memory.getU32(from + i * 4)));
      const put = (ready: readonly number[]): void => {
        const out = memory.range(result, 8, 4);
        const indexes = memory.allocate(ready.length * 4, 4);
        for (let i = 0; i < ready.length; i++) memory.setU32(indexes + i * 4, ready[i] as number);
        memory.putPair(out, indexes, ready.length);
      };
      const ready = pollNow(pollables);
      if (ready.length === 0) return pollWaiting(pollables, host.lifetime).then(put);
      return put(ready);
    };
  },

  'wasi:io/streams#InputStream.subscribe': ({ tables }) => {
    const [streams, pollables] = tables as [Resources<InputStream>, Resources<Pollable>];
    return (self: number) => pollables.add(streams.get(self).subscribe());
  },

  'wasi:io/streams#InputStream.read': (ports) => {
    const all = ports.tables[0] as Resources<InputStream>;
    return (self: number, length: bigint, result: number) =>
      putBytes(ports, result, all.get(self).read(unsigned(length)));
  },

  'wasi:io/streams#InputStream.blockingRead': (ports) => {
    const all = ports.tables[0] as Resources<InputStream>;
    return (self: number, length: bigint, result: number) => {
      const stream = all.get(self);
      const wanted = unsigned(length);
      if (wanted === 0n || stream.ready()) return putBytes(ports, result, stream.read(wanted));
      return stream.blockingRead(wanted).then((bytes) => putBytes(ports, result, bytes));
    };
  },

  'wasi:io/streams#InputStream.blockingSkip': (ports) => {
    const all = ports.tables[0] as Resources<InputStream>;
    return (self: number, length: bigint, result: number) => {
      const stream = all.get(self);
      const wanted = unsigned(length);
      if (wanted === 0n || stream.ready()) return putCount(ports, result, stream.skip(wanted));
      return stream.blockingSkip(wanted).then((count) => putCount(ports, result, count));
    };
  },

  'wasi:io/streams#OutputStream.subscribe': ({ tables }) => {
    const [streams, pollables] = tables as [Resources<OutputStream>, Resources<Pollable>];
    return (self: number) => pollables.add(streams.get(self).subscribe());
  },

  'wasi:io/streams#OutputStream.checkWrite': (ports) => {
    const all = ports.tables[0] as Resources<OutputStream>;
    return (self: number, result: number) => putCount(ports, result, all.get(self).checkWrite());
  },

  'wasi:io/streams#OutputStream.write': (ports) => {
    const { memory } = ports;
    const all = ports.tables[0] as Resources<OutputStream>;
    return (self: number, pointer: number, length: number, result: number) => {
      const stream = all.get(self);
      // Before the copy: what the stream will not take is not worth one.
      stream.permit(length >>> 0);
      putDone(ports, result, stream.write(memory.copy(pointer, length)));
    };
  },

  'wasi:io/streams#OutputStream.flush': (ports) => {
    const all = ports.tables[0] as Resources<OutputStream>;
    return (self: number, result: number) => putDone(ports, result, all.get(self).flush());
  },

  'wasi:io/streams#OutputStream.blockingFlush': (ports) => {
    const all = ports.tables[0] as Resources<OutputStream>;
    return (self: number, result: number) => {
      const outcome = all.get(self).blockingFlush();
      return outcome.then((done) => putDone(ports, result, done));
    };
  },

  'wasi:io/streams#OutputStream.blockingWriteAndFlush': (ports) => {
    const { memory } = ports;
    const all = ports.tables[0] as Resources<OutputStream>;
    return (self: number, pointer: number, length: number, result: number) => {
      const size = length >>> 0;
      if (size > WASI_LIMITS.blockingWriteBytes) {
        throw new Error(`output-stream: more than ${WASI_LIMITS.blockingWriteBytes} bytes at once`);
      }
      const stream = all.get(self);
      const outcome = stream.blockingWriteAndFlush(memory.copy(pointer, size));
      return outcome.then((done) => putDone(ports, result, done));
    };
  },

  'wasi:io/streams#OutputStream.blockingWriteZeroesAndFlush': (ports) => {
    const all = ports.tables[0] as Resources<OutputStream>;
    return (self: number, length: bigint, result: number) => {
      const outcome = all.get(self).blockingWriteZeroesAndFlush(unsigned(length));
      return outcome.then((done) => putDone(ports, result, done));
    };
  },

  'wasi:io/streams#OutputStream.blockingSplice': (ports) => {
    const { memory } = ports;
    const [streams, errorsOrInputs, rest] = ports.tables as [
      Resources<OutputStream>,
      Resources<object>,
      Resources<object>,
    ];
    // The function's text names its second parameter's table before that of the error.
    const inputs = errorsOrInputs as Resources<InputStream>;
    return (self: number, from: number, length: bigint, result: number) => {
      const outcome = streams.get(self).blockingSplice(inputs.get(from), unsigned(length));
      return outcome.then((moved) => {
        const at = memory.range(result, 16, 8);
        memory.setByte(at, moved.tag === 'ok' ? 0 : 1);
        if (moved.tag === 'ok') memory.setU64(at + 8, moved.val);
        else putStreamError(memory, at + 8, rest as Resources<IoError>, moved.val);
      });
    };
  },
};
