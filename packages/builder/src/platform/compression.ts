import { type BufferSource, isBufferSource, toBytes } from './buffer-source.ts';
import { tag } from './define.ts';
import { host, requireRunning } from './host.ts';
import { Pipe, write } from './pipe.ts';
import { ReadableStream, WritableStream } from './streams.ts';

/** CompressionStream and DecompressionStream: the host's zlib between two of its pipes. */

const FORMATS = ['gzip', 'deflate', 'deflate-raw'];

class Codec {
  readonly #readable: ReadableStream<Uint8Array>;
  readonly #writable: WritableStream<BufferSource>;

  constructor(format: string, prefix: string) {
    if (!FORMATS.includes(`${format}`)) throw new TypeError(`The format ${format} is not known`);
    requireRunning('Compression');
    const input = host.pipeOpen();
    const output = host.compress(`${prefix}${format}`, input);
    if (output === 0) throw new TypeError('There are too many compressions at once');
    const pipe = new Pipe(output);
    let ended: (error?: unknown) => void;
    const end = new Promise<unknown>((resolve) => {
      ended = resolve;
    });
    this.#readable = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const bytes = await pipe.read().catch(() => null);
          if (bytes === null) {
            const error = new TypeError('The data is malformed or cut off');
            ended(error);
            throw error;
          }
          if (bytes !== undefined) return controller.enqueue(bytes);
          ended();
          controller.close();
        },
        cancel() {
          pipe.cancel();
          ended();
        },
      },
      { highWaterMark: 0 },
    );
    this.#writable = new WritableStream<BufferSource>({
      async write(chunk) {
        if (!isBufferSource(chunk)) throw new TypeError('The chunks must be bytes');
        if (!(await write(input, toBytes(chunk)))) throw new TypeError('The data is malformed');
      },
      async close() {
        host.pipeClose(input, '');
        const error = await end;
        if (error !== undefined) throw error;
      },
      abort: () => host.pipeClose(input, 'aborted'),
    });
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#readable;
  }
  get writable(): WritableStream<BufferSource> {
    return this.#writable;
  }
}

export class CompressionStream extends Codec {
  constructor(format: string) {
    super(format, '');
  }
}

export class DecompressionStream extends Codec {
  constructor(format: string) {
    super(format, 'un-');
  }
}

tag(CompressionStream, 'CompressionStream');
tag(DecompressionStream, 'DecompressionStream');
