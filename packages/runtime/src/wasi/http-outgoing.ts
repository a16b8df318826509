import { toHeaderLines } from '../worker/header-lines.ts';
import { BodySink } from './body-sink.ts';
import { contentLength, Fields } from './fields.ts';
import { methodText, methodVariant, schemeText, type Tagged } from './http-method.ts';
import { WASI_LIMITS } from './limits.ts';
import { OutputStream } from './output-stream.ts';
import { OutputTotal } from './output-total.ts';
import type { Lifetime } from './readiness.ts';
import { ERR, err, OK, ok, type Result } from './result.ts';

/** The messages that the guest makes: its response, and its requests to others. */

type SizeTag = 'HTTP-response-body-size' | 'HTTP-request-body-size';

/**
 * RFC 9110, 6.5.1: fields that a recipient must have before the content, or that steer how the
 * message is framed, routed, authenticated or cached, may not come behind it.
 */
const NOT_IN_TRAILERS =
  /^(?:age|allow|authorization|cache-control|content-.*|cookie|date|expect|expires|host|if-.*|location|max-forwards|pragma|proxy-.*|range|retry-after|set-cookie|te|trailer|transfer-encoding|vary|warning|www-authenticate)$/;

/** Trailers as lines. `length` is the content-length: with one there are no chunks to end. */
function trailerLines(
  trailers: Fields | undefined,
  sizeTag: SizeTag,
  length: number | undefined,
): Result<string, { tag: string; val: unknown }> {
  const list = trailers === undefined ? [] : Fields.list(trailers);
  if (list.length === 0) return ok('');
  const lines = toHeaderLines(list);
  if (lines.length > WASI_LIMITS.trailersBytes) {
    const [kind] = sizeTag.split('-body-size');
    return err({ tag: `${kind}-trailer-section-size`, val: lines.length });
  }
  // The client library that sends requests has no way to send trailers.
  const fits = sizeTag === 'HTTP-response-body-size' && length === undefined;
  if (!fits || list.some(([name]) => NOT_IN_TRAILERS.test(name))) {
    return err({ tag: 'HTTP-protocol-error', val: undefined });
  }
  return ok(lines);
}

export class OutgoingBody {
  readonly #sink: BodySink;
  readonly #lifetime: Lifetime;
  readonly #sizeTag: SizeTag;
  #written = false;

  constructor(lifetime: Lifetime, sink: BodySink, sizeTag: SizeTag) {
    this.#lifetime = lifetime;
    this.#sink = sink;
    this.#sizeTag = sizeTag;
  }

  /** Once. */
  write(): Result<OutputStream, undefined> {
    if (this.#written) return ERR;
    this.#written = true;
    return ok(new OutputStream(this.#sink, this.#lifetime));
  }

  /** Whether `finish` has nothing to complain of. */
  static isWhole(body: OutgoingBody): boolean {
    return body.#sink.isWhole;
  }

  /** Trailers that cannot be sent are told; the body before them ends well. */
  static finish(
    body: OutgoingBody,
    trailers: Fields | undefined,
  ): Result<undefined, { tag: string; val: unknown }> {
    const sink = body.#sink;
    const outcome = trailerLines(trailers, body.#sizeTag, sink.expected);
    if (!sink.finish(outcome.tag === 'ok' ? outcome.val : '')) {
      return err({ tag: body.#sizeTag, val: BigInt(sink.written) });
    }
    return outcome.tag === 'ok' ? OK : outcome;
  }

  /** Dropped without `finish`: the reader must not take the part for the whole. */
  [Symbol.dispose](): void {
    this.#sink.fail('the function dropped the body without finishing it');
  }
}

abstract class Outgoing {
  readonly #fields: Fields;
  readonly #lifetime: Lifetime;
  readonly #total: OutputTotal | undefined;
  #sink: BodySink | undefined;

  constructor(fields: Fields, lifetime: Lifetime, total?: OutputTotal) {
    if (!(fields instanceof Fields)) throw new TypeError('headers: not fields');
    this.#fields = Fields.freeze(fields);
    this.#lifetime = lifetime;
    this.#total = total;
  }

  headers(): Fields {
    return this.#fields;
  }

  static parts(message: Outgoing): { fields: Fields; sink: BodySink | undefined } {
    return { fields: message.#fields, sink: message.#sink };
  }

  /** Once. A content-length that is none counts as 0, so that every body fails against it. */
  protected makeBody(sizeTag: SizeTag): Result<OutgoingBody, undefined> {
    if (this.#sink !== undefined) return ERR;
    const length = contentLength(Fields.list(this.#fields));
    this.#sink = new BodySink(Number.isNaN(length) ? 0 : length, this.#total);
    return ok(new OutgoingBody(this.#lifetime, this.#sink, sizeTag));
  }

  /** Dropped by the guest, not given away. */
  [Symbol.dispose](): void {
    this.#sink?.abandon();
  }
}

/**
 * The constructors of wasi:http carry no host state, and these classes need the instance's
 * lifetime: so they are made per instance, as thin subclasses.
 */
export function createOutgoingClasses(lifetime: Lifetime) {
  const total = new OutputTotal(lifetime);
  return {
    OutgoingResponse: class extends OutgoingResponse {
      constructor(fields: Fields) {
        super(fields, lifetime, total);
      }
    },
    OutgoingRequest: class extends OutgoingRequest {
      constructor(fields: Fields) {
        super(fields, lifetime, total);
      }
    },
  };
}

export class OutgoingResponse extends Outgoing {
  #status = 200;

  statusCode(): number {
    return this.#status;
  }

  setStatusCode(status: number): Result<undefined, undefined> {
    // 1xx is the connection's business, and a final answer never.
    if (!Number.isInteger(status) || status < 200 || status > 599) return ERR;
    this.#status = status;
    return OK;
  }

  body(): Result<OutgoingBody, undefined> {
    return this.makeBody('HTTP-response-body-size');
  }
}

const AUTHORITY = /^[A-Za-z0-9\-._~%!$&'()*+,;=:[\]]{1,512}$/;
const PATH = /^[/?][\x21-\x7e]*$/;
const PATH_LENGTH_MAX = 8 * 1024;

export class OutgoingRequest extends Outgoing {
  #method = 'GET';
  #path: string | undefined;
  #scheme: Tagged | undefined;
  #authority: string | undefined;

  method(): Tagged {
    return methodVariant(this.#method);
  }

  setMethod(method: Tagged): Result<undefined, undefined> {
    const text = methodText(method);
    if (text === undefined) return ERR;
    this.#method = text;
    return OK;
  }

  pathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): Result<undefined, undefined> {
    if (path !== undefined && path !== '') {
      if (path.length > PATH_LENGTH_MAX || !PATH.test(path)) return ERR;
    }
    this.#path = path;
    return OK;
  }

  scheme(): Tagged | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Tagged | undefined): Result<undefined, undefined> {
    if (schemeText(scheme) === undefined) return ERR;
    this.#scheme = scheme;
    return OK;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): Result<undefined, undefined> {
    // No "@": credentials in an authority are a way to lie about the host.
    if (authority !== undefined && !AUTHORITY.test(authority)) return ERR;
    this.#authority = authority;
    return OK;
  }

  body(): Result<OutgoingBody, undefined> {
    return this.makeBody('HTTP-request-body-size');
  }

  static target(request: OutgoingRequest): { method: string; url: string | undefined } {
    const scheme = schemeText(request.#scheme);
    const authority = request.#authority;
    if (scheme === undefined || authority === undefined) {
      return { method: request.#method, url: undefined };
    }
    const path = request.#path ?? '/';
    return {
      method: request.#method,
      url: `${scheme}://${authority}${path.startsWith('/') ? path : `/${path}`}`,
    };
  }
}

/** `request-options`: kept in whole milliseconds; 0 and absent mean the host's own. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;

  connectTimeout(): bigint | undefined {
    return this.#connect;
  }
  setConnectTimeout(duration: bigint | undefined): Result<undefined, undefined> {
    this.#connect = duration;
    return OK;
  }
  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }
  setFirstByteTimeout(duration: bigint | undefined): Result<undefined, undefined> {
    this.#firstByte = duration;
    return OK;
  }
  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }
  setBetweenBytesTimeout(duration: bigint | undefined): Result<undefined, undefined> {
    this.#betweenBytes = duration;
    return OK;
  }

  /** Until the head of the response; undefined when the guest set neither. */
  static headTimeoutMs(options: RequestOptions): number | undefined {
    if (options.#connect === undefined && options.#firstByte === undefined) return undefined;
    const total = (options.#connect ?? 0n) + (options.#firstByte ?? 0n);
    return Number(total / 1_000_000n);
  }

  /** Of silence within a response's body; at least 1. Undefined when not set. */
  static betweenBytesMs(options: RequestOptions): number | undefined {
    if (options.#betweenBytes === undefined || options.#betweenBytes === 0n) return undefined;
    return Math.max(1, Number(options.#betweenBytes / 1_000_000n));
  }
}
