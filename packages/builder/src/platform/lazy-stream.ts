import { HeldBody } from './held-body.ts';
import { bytesToStream, Pipe } from './pipe.ts';
import { ReadableStream } from './streams.ts';
import { encodeUtf8 } from './utf8.ts';

/**
 * The stream that `body` shows, not built until somebody reads it. Frameworks hand bodies
 * on (`new Response(res.body, res)`) far more often than they read them; building a real
 * stream and pumping it costs 300 µs, handing this on costs one. Refused: a wrapper class,
 * since the author must see an ordinary ReadableStream; so the object becomes one in place
 * (it takes over the fields of a stream made for it; the package is pinned exactly).
 */

export type Original = string | Uint8Array | HeldBody | Pipe;
type Stream = ReadableStream<Uint8Array>;

const ORIGINAL = Symbol('original');
const TAKEN = Symbol('taken');

interface Lazy {
  [ORIGINAL]?: Original;
  [TAKEN]?: boolean;
}

function build(original: Original): Stream {
  if (original instanceof Pipe) return original.toStream();
  return bytesToStream(() => {
    if (typeof original === 'string') return encodeUtf8(original);
    return original instanceof HeldBody ? original.bytes() : original;
  });
}

function become(lazy: Stream & Lazy): Stream {
  const original = lazy[ORIGINAL] as Original;
  const taken = lazy[TAKEN] === true;
  const real = build(taken ? '' : original);
  Object.setPrototypeOf(lazy, ReadableStream.prototype);
  delete lazy[ORIGINAL];
  for (const key of Reflect.ownKeys(real)) {
    Object.defineProperty(
      lazy,
      key,
      Object.getOwnPropertyDescriptor(real, key) as PropertyDescriptor,
    );
  }
  const { _readableStreamController: controller } = lazy as unknown as {
    _readableStreamController: Record<string, unknown>;
  };
  for (const key of Object.keys(controller)) if (controller[key] === real) controller[key] = lazy;
  // What was read as text or bytes shows as a stream that somebody else is reading.
  if (taken) {
    lazy.getReader();
    (lazy as unknown as { _disturbed: boolean })._disturbed = true;
  }
  return lazy;
}

/** Its own methods are all that can reach the fields that are not there yet. */
const prototype = Object.create(ReadableStream.prototype, {
  locked: {
    get(this: Stream & Lazy) {
      return this[TAKEN] === true;
    },
    configurable: true,
  },
});
for (const name of [
  'cancel',
  'getReader',
  'pipeThrough',
  'pipeTo',
  'tee',
  'values',
  Symbol.asyncIterator,
] as const) {
  Object.defineProperty(prototype, name, {
    value(this: Stream & Lazy, ...args: unknown[]): unknown {
      const run = become(this)[name] as (...args: unknown[]) => unknown;
      return run.apply(this, args);
    },
    writable: true,
    configurable: true,
  });
}

export function lazyStream(original: Original, taken: boolean): Stream {
  const stream = Object.create(prototype) as Stream & Lazy;
  // Symbols are not shown by inspect's and JSON's ways of listing.
  Object.defineProperty(stream, ORIGINAL, { value: original, configurable: true });
  if (taken) Object.defineProperty(stream, TAKEN, { value: true });
  return stream;
}

/** The package keeps what the standard calls [[disturbed]] under this name. */
export const isDisturbed = (stream: Stream): boolean =>
  (stream as Stream & Lazy)[TAKEN] === true ||
  (stream as unknown as { _disturbed?: boolean })._disturbed === true;

/** What is behind a stream that nobody has read or locked. */
export const peekOriginal = (stream: Stream): Original | undefined =>
  (stream as Stream & Lazy)[TAKEN] === true ? undefined : (stream as Stream & Lazy)[ORIGINAL];

/** The same, and the stream is locked from now on. */
export function takeOriginal(stream: Stream): Original | undefined {
  const original = peekOriginal(stream);
  if (original !== undefined) Object.defineProperty(stream, TAKEN, { value: true });
  return original;
}
