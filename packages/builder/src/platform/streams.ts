import { type ReadableStream, TransformStream, type WritableStream } from 'web-streams-polyfill';
import { type BufferSource, toBytes } from './buffer-source.ts';
import { tag } from './define.ts';
import { TextDecoder, TextEncoder } from './encoding.ts';

/**
 * Streams are the package web-streams-polyfill, evaluated before the snapshot; no
 * request makes one unless the author touches `body` or answers with a stream.
 */

export {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from 'web-streams-polyfill';

export class TextEncoderStream {
  readonly #pair: TransformStream<string, Uint8Array>;
  readonly encoding = 'utf-8';

  constructor() {
    const encoder = new TextEncoder();
    let high = '';
    this.#pair = new TransformStream<string, Uint8Array>({
      transform(chunk, controller) {
        let text = `${high}${chunk}`;
        const last = text.charCodeAt(text.length - 1);
        const split = last >= 0xd800 && last <= 0xdbff;
        high = split ? text.slice(-1) : '';
        if (split) text = text.slice(0, -1);
        if (text !== '') controller.enqueue(encoder.encode(text));
      },
      flush(controller) {
        if (high !== '') controller.enqueue(encoder.encode(high));
      },
    });
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#pair.readable;
  }
  get writable(): WritableStream<string> {
    return this.#pair.writable;
  }
}

export class TextDecoderStream {
  readonly #pair: TransformStream<BufferSource, string>;
  readonly #decoder: TextDecoder;

  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#pair = new TransformStream<BufferSource, string>({
      transform(chunk, controller) {
        const text = decoder.decode(toBytes(chunk), { stream: true });
        if (text !== '') controller.enqueue(text);
      },
      flush(controller) {
        const text = decoder.decode();
        if (text !== '') controller.enqueue(text);
      },
    });
  }

  get readable(): ReadableStream<string> {
    return this.#pair.readable;
  }
  get writable(): WritableStream<BufferSource> {
    return this.#pair.writable;
  }
  get encoding(): string {
    return this.#decoder.encoding;
  }
  get fatal(): boolean {
    return this.#decoder.fatal;
  }
  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }
}

tag(TextEncoderStream, 'TextEncoderStream');
tag(TextDecoderStream, 'TextDecoderStream');
