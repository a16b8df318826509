import { concatBytes } from './buffer-source.ts';
import { host, ignore } from './host.ts';
import { ReadableStream } from './streams.ts';
import { waitUnless } from './waits.ts';

/** Bytes that come and go in pieces: the host's pipes, read and written without streams where nobody asks for one. */

export class Pipe {
  readonly id: number;
  /** A read that waits is the host's only one. */
  #ended = false;

  constructor(id: number) {
    this.id = id;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined;
    const state = await waitUnless((wait) => host.pipeReady(wait, this.id));
    if (state === 1) return host.pipeTake(this.id);
    this.#ended = true;
    if (state === 2) throw new TypeError('The body broke off before its end');
    return undefined;
  }

  async readAll(): Promise<Uint8Array> {
    const first = await this.read();
    if (first === undefined) return new Uint8Array(0);
    const parts = [first];
    for (;;) {
      const part = await this.read();
      if (part === undefined) return parts.length === 1 ? first : concatBytes(parts);
      parts.push(part);
    }
  }

  cancel(): void {
    if (this.#ended) return;
    this.#ended = true;
    host.pipeCancel(this.id);
  }

  toStream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      type: 'bytes',
      pull: async (controller) => {
        const bytes = await this.read();
        if (bytes !== undefined) {
          controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
          return;
        }
        controller.close();
        // The standard's way to end a read that brought its own buffer.
        (controller as { byobRequest?: { respond(n: number): void } | null }).byobRequest?.respond(
          0,
        );
      },
      cancel: () => this.cancel(),
    }) as ReadableStream<Uint8Array>;
  }
}

export const bytesToStream = (bytes: () => Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>({
    type: 'bytes',
    pull(controller) {
      const all = bytes();
      // A copy: the stream takes the memory of what it is given.
      if (all.length > 0) controller.enqueue(all.slice());
      controller.close();
      (controller as { byobRequest?: { respond(n: number): void } | null }).byobRequest?.respond(0);
    },
  }) as ReadableStream<Uint8Array>;

/** What one write carries at most; the host's pipes hold about as much. */
const WRITE_BYTES_MAX = 65_536;

export async function write(pipe: number, bytes: Uint8Array): Promise<boolean> {
  for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
    const part =
      at === 0 && bytes.length <= WRITE_BYTES_MAX
        ? bytes
        : bytes.subarray(at, at + WRITE_BYTES_MAX);
    const open = waitUnless((wait) => host.pipeWrite(wait, pipe, part));
    if ((typeof open === 'number' ? open : await open) === 0) return false;
  }
  return true;
}

/** Starts to move everything into a new pipe and answers its number at once. */
export function pumpPipe(from: Pipe): number {
  const pipe = host.pipeOpen();
  ignore(
    pump(
      pipe,
      () => from.read(),
      () => from.cancel(),
    ),
  );
  return pipe;
}

export function pumpStream(
  from: ReadableStream<Uint8Array>,
  failed?: (error: unknown) => void,
): number {
  const reader = from.getReader();
  const pipe = host.pipeOpen();
  ignore(
    pump(
      pipe,
      async () => {
        const { done, value } = await reader.read();
        if (done) return undefined;
        if (value instanceof Uint8Array) return value;
        throw new TypeError('A body stream must give Uint8Array chunks');
      },
      () => ignore(reader.cancel(new DOMException('The reader has gone', 'AbortError'))),
      failed,
    ),
  );
  return pipe;
}

async function pump(
  pipe: number,
  read: () => Promise<Uint8Array | undefined>,
  cancel: () => void,
  failed?: (error: unknown) => void,
): Promise<void> {
  try {
    for (;;) {
      const bytes = await read();
      if (bytes === undefined) break;
      if (!(await write(pipe, bytes))) {
        cancel();
        break;
      }
    }
    host.pipeClose(pipe, '');
  } catch (error) {
    cancel();
    host.pipeClose(pipe, `${error}`.toWellFormed() || 'error');
    failed?.(error);
  }
}
