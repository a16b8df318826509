import type { WireResponse } from 'popmesh:function/host@0.1.0';
import {
  Body,
  type BodyInit,
  fromWire,
  replace,
  share,
  sourceType,
  toSource,
  toWire,
} from './body.ts';
import { tag } from './define.ts';
import { freeze, fromLines, Headers, type HeadersInit, toLines } from './headers.ts';
import { URL } from './url.ts';

/** Response. With no headers of the author's, there is no Headers object: one constant line is written. */

export interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

const REDIRECT_STATUS = [301, 302, 303, 307, 308];
const BAD_REASON = /[^\t\x20-\x7e\x80-\xff]/;

const isNullBody = (status: number): boolean =>
  status === 204 || status === 205 || status === 304 || status === 101;

const NOT_LATIN1 = /[^\0-\xff]/;

function checkStatus(given: unknown): number {
  const status = Math.trunc(Number(given));
  if (!(status >= 200 && status <= 599)) {
    throw new RangeError(`The status must be 200 to 599, not ${given}`);
  }
  return status;
}

export class Response extends Body {
  #status = 200;
  #statusText = '';
  #headers: Headers | undefined = undefined;
  /** What the body says of itself, while there is no Headers object to hold it. */
  #type: string | undefined = undefined;
  #kind = 'default';
  #url = '';
  #redirected = false;

  constructor(body?: BodyInit | null, init?: ResponseInit) {
    super(body === null || body === undefined ? null : toSource(body));
    const type = body === null || body === undefined ? undefined : sourceType;
    if (init !== undefined && init !== null) {
      const { status, statusText, headers } = init;
      if (statusText !== undefined && NOT_LATIN1.test(`${statusText}`)) {
        throw new TypeError('Invalid statusText');
      }
      if (status !== undefined && status !== 200) {
        this.#status = checkStatus(status);
        if (body !== null && body !== undefined && isNullBody(this.#status)) {
          throw new TypeError(`A response with status ${status} cannot have a body`);
        }
      }
      if (statusText !== undefined && statusText !== '') {
        if (BAD_REASON.test(`${statusText}`)) throw new TypeError('Invalid statusText');
        this.#statusText = `${statusText}`;
      }
      if (headers !== undefined) {
        this.#headers = new Headers(headers);
        if (type !== undefined && !this.#headers.has('content-type')) {
          this.#headers.set('content-type', type);
        }
        return;
      }
    }
    this.#type = type;
  }

  static json(data: unknown, init?: ResponseInit): Response {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('The data cannot be shown as JSON');
    const response = new Response(text, init);
    const headers = init?.headers === undefined ? undefined : new Headers(init.headers);
    if (headers === undefined) response.#type = 'application/json';
    else if (!headers.has('content-type')) response.headers.set('content-type', 'application/json');
    return response;
  }

  static redirect(url: string | URL, status = 302): Response {
    const { href } = new URL(url);
    if (!REDIRECT_STATUS.includes(status)) throw new RangeError(`${status} is no redirect`);
    const response = new Response(null, { status, headers: { location: href } });
    freeze(response.headers);
    return response;
  }

  static error(): Response {
    const response = new Response();
    response.#status = 0;
    response.#kind = 'error';
    freeze(response.headers);
    return response;
  }

  get status(): number {
    return this.#status;
  }
  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }
  get statusText(): string {
    return this.#statusText;
  }
  get type(): string {
    return this.#kind;
  }
  get url(): string {
    return this.#url;
  }
  get redirected(): boolean {
    return this.#redirected;
  }
  get headers(): Headers {
    if (this.#headers === undefined) {
      this.#headers = new Headers();
      if (this.#type !== undefined) this.#headers.set('content-type', this.#type);
    }
    return this.#headers;
  }

  clone(): Response {
    const copy = new Response(null, { headers: this.headers });
    copy.#status = this.#status;
    copy.#statusText = this.#statusText;
    copy.#kind = this.#kind;
    copy.#url = this.#url;
    copy.#redirected = this.#redirected;
    replace(copy, share(this));
    return copy;
  }

  /** Ours: what the host answered to a fetch. */
  static fromHost(wire: WireResponse, url: string): Response {
    const response = new Response();
    replace(response, fromWire(wire.body));
    response.#status = wire.status;
    response.#kind = 'basic';
    let lines = wire.headers;
    // The host puts the address that answered in front when it followed a redirect.
    const moved = /^popmesh-url: (.*)\n/.exec(lines);
    if (moved !== null) lines = lines.slice(moved[0].length);
    response.#redirected = moved !== null;
    response.#url = moved?.[1] ?? url;
    response.#headers = fromLines(lines, true);
    return response;
  }

  /** Ours: what the host is given. */
  static toHost(response: Response, failed: (error: unknown) => void): WireResponse {
    const headers = response.#headers;
    let lines = '';
    if (headers !== undefined) lines = toLines(headers);
    else if (response.#type !== undefined) lines = `content-type: ${response.#type}\n`;
    return { status: response.#status, headers: lines, body: toWire(response, failed) };
  }
}

export const { fromHost, toHost } = Response;
for (const name of ['fromHost', 'toHost']) Reflect.deleteProperty(Response, name);

Response.prototype.contentType = function contentType(this: Response): string | null {
  return this.headers.get('content-type');
};

tag(Response, 'Response');
