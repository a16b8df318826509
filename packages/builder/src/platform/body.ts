import type { WireBody } from 'popmesh:function/host@0.2.0';
import { Blob, bytesOf } from './blob.ts';
import { type BufferSource, concatBytes, isBufferSource, toBytes } from './buffer-source.ts';
import { FormData } from './form-data.ts';
import { HeldBody } from './held-body.ts';
import { host } from './host.ts';
import { isDisturbed, lazyStream, peekOriginal, takeOriginal } from './lazy-stream.ts';
import { parseForm, serialiseForm } from './multipart.ts';
import { Pipe, pumpPipe, pumpStream } from './pipe.ts';
import { ReadableStream } from './streams.ts';
import { URLSearchParams } from './url-search-params.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/**
 * What Request and Response share. A body stays what it was made from (string, bytes,
 * the host's pipe) until somebody reads `body`; only then is there a stream.
 */

export type Source = null | string | Uint8Array | HeldBody | Pipe | ReadableStream<Uint8Array>;
export type BodyInit =
  | string
  | BufferSource
  | Blob
  | FormData
  | URLSearchParams
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

export const NO_BODY: WireBody = { tag: 'none' };
export const STRING_TYPE = 'text/plain;charset=UTF-8';

/** The type that the last `toSource` found; a second result without an object for it. */
export let sourceType: string | undefined;

export function toSource(body: BodyInit): Source {
  if (typeof body === 'string') {
    sourceType = STRING_TYPE;
    return body;
  }
  sourceType = undefined;
  if (body instanceof ReadableStream) {
    if (body.locked || isDisturbed(body)) throw new TypeError('The stream is locked or was read');
    return body;
  }
  // A copy, as the standard asks: the author may write the memory again.
  if (isBufferSource(body)) return toBytes(body).slice();
  if (body instanceof Blob) {
    sourceType = body.type === '' ? undefined : body.type;
    return bytesOf(body);
  }
  if (body instanceof URLSearchParams) {
    sourceType = 'application/x-www-form-urlencoded;charset=UTF-8';
    return body.toString();
  }
  if (body instanceof FormData) {
    const { bytes, type } = serialiseForm(body);
    sourceType = type;
    return bytes;
  }
  if (typeof (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator] === 'function') {
    return ReadableStream.from(body as AsyncIterable<Uint8Array>) as ReadableStream<Uint8Array>;
  }
  sourceType = STRING_TYPE;
  return `${body}`;
}

export class Body {
  #source: Source;
  #used = false;

  constructor(source: Source) {
    this.#source = source;
  }

  get body(): ReadableStream<Uint8Array> | null {
    const source = this.#source;
    if (source === null || source instanceof ReadableStream) return source;
    const stream = lazyStream(source, this.#used);
    this.#source = stream;
    return stream;
  }

  get bodyUsed(): boolean {
    return this.#used || (this.#source instanceof ReadableStream && isDisturbed(this.#source));
  }

  /** Takes the body away, once. */
  #take(): Source {
    const source = this.#source;
    if (source === null) return null;
    if (this.#used) throw new TypeError('Body has already been used');
    if (source instanceof ReadableStream && (source.locked || isDisturbed(source))) {
      throw new TypeError('Body has already been used or is locked');
    }
    this.#used = true;
    if (source instanceof ReadableStream) return takeOriginal(source) ?? source;
    return source;
  }

  async #bytes(): Promise<Uint8Array> {
    return toBytesOf(this.#take());
  }

  async text(): Promise<string> {
    const source = this.#take();
    if (typeof source === 'string') return withoutMark(source.toWellFormed());
    if (source instanceof HeldBody) return withoutMark(source.text());
    return withoutMark(decodeUtf8(await toBytesOf(source), false));
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array> {
    return (await this.#bytes()).slice();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.#bytes()).slice().buffer as ArrayBuffer;
  }

  async blob(): Promise<Blob> {
    // Several lines of it: the last one counts.
    const type = (this.contentType() ?? '').split(',').pop()?.trim() ?? '';
    return new Blob([await this.#bytes()], {
      type: MEDIA_TYPE.test(type) ? type.replace(AROUND_PARAMETERS, '$1') : '',
    });
  }

  async formData(): Promise<FormData> {
    return parseForm(await this.#bytes(), this.contentType() ?? '');
  }

  /** Each class answers from its own headers. */
  declare contentType: () => string | null;

  /** Ours: for clone; both then read the same. */
  static share(body: Body): Source {
    if (body.bodyUsed || (body.#source instanceof ReadableStream && body.#source.locked)) {
      throw new TypeError('Body has already been used');
    }
    if (body.#source instanceof HeldBody) body.#source = body.#source.bytes();
    const source = body.#source instanceof Pipe ? body.body : body.#source;
    if (!(source instanceof ReadableStream)) return source;
    const original = peekOriginal(source);
    if (original instanceof HeldBody) original.bytes();
    if (original !== undefined && !(original instanceof Pipe)) return original;
    const [mine, theirs] = source.tee();
    body.#source = mine;
    return theirs;
  }

  /** Ours: moves the body to another message. */
  static move(body: Body): Source {
    return body.#take();
  }

  /** Ours: for the wire; starts to pump what is not in memory. */
  static toWire(body: Body, failed?: (error: unknown) => void): WireBody {
    const source = body.#take();
    if (source === null) return NO_BODY;
    if (typeof source === 'string') return { tag: 'text', val: source.toWellFormed() };
    if (source instanceof HeldBody) return { tag: 'bytes', val: source.bytes() };
    if (source instanceof Uint8Array) return { tag: 'bytes', val: source };
    if (source instanceof Pipe) return { tag: 'pipe', val: pumpPipe(source) };
    return { tag: 'pipe', val: pumpStream(source, failed) };
  }

  /** Ours: the answer to request `id`. */
  static respond(
    body: Body,
    id: number,
    status: number,
    headers: string,
    failed: (error: unknown) => void,
  ): void {
    const source = body.#take();
    if (typeof source === 'string') host.respond(id, status, headers, source.toWellFormed());
    else if (source === null) host.respond(id, status, headers, '');
    else if (source instanceof Uint8Array) host.respondBytes(id, status, headers, source);
    else if (source instanceof HeldBody) host.respondBytes(id, status, headers, source.bytes());
    else {
      const pipe = source instanceof Pipe ? pumpPipe(source) : pumpStream(source, failed);
      host.respondPipe(id, status, headers, pipe);
    }
  }

  /** Ours: gives a clone its body. */
  static replace(body: Body, source: Source): void {
    body.#source = source;
  }

  /** Ours: there is nothing to read. */
  static isNull(body: Body): boolean {
    return body.#source === null;
  }
}

export const { share, move, toWire, respond, replace, isNull } = Body;
for (const name of ['share', 'move', 'toWire', 'respond', 'replace', 'isNull'])
  Reflect.deleteProperty(Body, name);

/** White space around the semicolons, what is quoted left as it is. */
const AROUND_PARAMETERS = /("(?:[^"\\]|\\.)*"|;)\s*|\s+(?=;)/g;
const MEDIA_TYPE = /^[!#$%&'*+\-.^_`|~\w]+\/[!#$%&'*+\-.^_`|~\w]+\s*(?:;|$)/;

export function fromWire(body: WireBody): Source {
  if (body.tag === 'none') return null;
  return body.tag === 'pipe' ? new Pipe(body.val) : body.val;
}

/** What the host says of a request's body; see `handle` in function.wit. */
export function bodyOfRequest(id: number, body: number): Source {
  if (body === 0) return null;
  return body === 1 ? new HeldBody(id) : new Pipe(body);
}

const withoutMark = (text: string): string =>
  text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;

async function toBytesOf(source: Source): Promise<Uint8Array> {
  if (source === null) return new Uint8Array(0);
  if (typeof source === 'string') return encodeUtf8(source);
  if (source instanceof Uint8Array) return source;
  if (source instanceof HeldBody) return source.bytes();
  return source instanceof Pipe ? source.readAll() : readAll(source);
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!(value instanceof Uint8Array))
      throw new TypeError('A body stream must give Uint8Array chunks');
    parts.push(value);
  }
  return concatBytes(parts);
}
