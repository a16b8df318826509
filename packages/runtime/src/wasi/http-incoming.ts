import type { Body, GuestRequest, GuestResponse } from '../worker/door.ts';
import { toHeaderList } from '../worker/header-lines.ts';
import { Fields } from './fields.ts';
import {
  methodVariant,
  schemeVariant,
  splitUrl,
  type Tagged,
  type UrlParts,
} from './http-method.ts';
import { InputStream } from './input-stream.ts';
import { Pollable } from './pollable.ts';
import type { Lifetime, Source } from './readiness.ts';
import { ERR, err, ok, type Result } from './result.ts';

/** The messages that come to the guest: a client's request, a server's response. */

export class IncomingBody {
  readonly #input: InputStream;
  readonly #lifetime: Lifetime;
  #streamed = false;

  constructor(lifetime: Lifetime, input: InputStream) {
    this.#lifetime = lifetime;
    this.#input = input;
  }

  /** Once. */
  stream(): Result<InputStream, undefined> {
    if (this.#streamed) return ERR;
    this.#streamed = true;
    return ok(this.#input);
  }

  static finish(body: IncomingBody): FutureTrailers {
    return new FutureTrailers(body.#lifetime, body.#input);
  }

  [Symbol.dispose](): void {
    if (!this.#streamed) this.#input.close();
  }
}

const BROKEN: Tagged = Object.freeze({ tag: 'HTTP-protocol-error' });

/**
 * What comes behind a body. Most guests drop this at once, and then the rest of the body is not
 * read; one that asks waits for its end.
 */
export class FutureTrailers implements Source {
  readonly #lifetime: Lifetime;
  readonly #input: InputStream;
  #given = false;

  constructor(lifetime: Lifetime, input: InputStream) {
    this.#lifetime = lifetime;
    this.#input = input;
  }

  subscribe(): Pollable {
    this.#input.drain();
    return new Pollable(this, this.#lifetime);
  }

  get(): Result<Result<Fields | undefined, Tagged>, undefined> | undefined {
    this.#input.drain();
    const { end } = this.#input;
    if (end === undefined) return undefined;
    if (this.#given) return ERR;
    this.#given = true;
    if (end.broken) return ok(err(BROKEN));
    return ok(ok(end.trailers === '' ? undefined : Fields.incoming(toHeaderList(end.trailers))));
  }

  ready(): boolean {
    return this.#input.end !== undefined;
  }

  add(wake: () => void): void {
    this.#input.add(wake);
  }

  remove(wake: () => void): void {
    this.#input.remove(wake);
  }

  [Symbol.dispose](): void {
    this.#input.close();
  }
}

class Incoming {
  readonly #lifetime: Lifetime;
  readonly #input: InputStream;
  readonly #fields: Fields;
  #consumed = false;

  constructor(lifetime: Lifetime, fields: Fields, body: Body) {
    this.#lifetime = lifetime;
    this.#fields = fields;
    this.#input = new InputStream(lifetime, body);
  }

  headers(): Fields {
    return this.#fields;
  }

  /** Once. */
  consume(): Result<IncomingBody, undefined> {
    if (this.#consumed) return ERR;
    this.#consumed = true;
    return ok(new IncomingBody(this.#lifetime, this.#input));
  }

  [Symbol.dispose](): void {
    if (!this.#consumed) this.#input.close();
  }

  static input(incoming: Incoming): InputStream {
    return incoming.#input;
  }
}

export class IncomingRequest extends Incoming {
  readonly #method: string;
  readonly #url: string;
  #parts: UrlParts | undefined;

  constructor(lifetime: Lifetime, request: GuestRequest) {
    const { headerLines } = request;
    const fields =
      headerLines === undefined
        ? Fields.incoming(request.headers)
        : Fields.incomingLines(headerLines);
    super(lifetime, fields, request.body);
    this.#method = request.method;
    this.#url = request.url;
  }

  method(): Tagged {
    return methodVariant(this.#method);
  }

  pathWithQuery(): string {
    return this.#split().pathWithQuery;
  }

  scheme(): Tagged {
    return schemeVariant(this.#split().scheme);
  }

  authority(): string {
    return this.#split().authority;
  }

  /** The client is gone or the deadline has passed. */
  static fail(request: IncomingRequest, message: string): void {
    Incoming.input(request).fail(message);
  }

  #split(): UrlParts {
    this.#parts ??= splitUrl(this.#url);
    return this.#parts;
  }
}

export class IncomingResponse extends Incoming {
  readonly #status: number;

  constructor(lifetime: Lifetime, response: GuestResponse) {
    super(lifetime, Fields.incoming(response.headers), response.body);
    this.#status = response.status;
  }

  status(): number {
    return this.#status;
  }
}
