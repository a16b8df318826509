import type { WireResponse } from 'popmesh:function/host@0.2.0';
import {
  Body,
  type BodyInit,
  fromWire,
  replace,
  respond,
  STRING_TYPE,
  share,
  sourceType,
  toSource,
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

const STRING_LINE = `content-type: ${STRING_TYPE}\n`;
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

/** What few responses have. */
interface Rare {
  statusText: string;
  kind: string;
  url: string;
  redirected: boolean;
}
const USUAL: Readonly<Rare> = Object.freeze({
  statusText: '',
  kind: 'default',
  url: '',
  redirected: false,
});

export class Response extends Body {
  #status = 200;
  /** Only what the body says of its type, while nobody has asked for more. */
  #headers: Headers | string | undefined = undefined;
  #rare: Rare = USUAL;

  constructor(body?: BodyInit | null, init?: ResponseInit) {
    super(body === null || body === undefined ? null : toSource(body));
    const type = body === null || body === undefined ? undefined : sourceType;
    if (init !== undefined && init !== null) {
      const { status, statusText, headers } = init;
      if (statusText !== undefined && statusText !== '') {
        if (NOT_LATIN1.test(`${statusText}`)) throw new TypeError('Invalid statusText');
      }
      if (status !== undefined && status !== 200) {
        this.#status = checkStatus(status);
        if (body !== null && body !== undefined && isNullBody(this.#status)) {
          throw new TypeError(`A response with status ${status} cannot have a body`);
        }
      }
      if (statusText !== undefined && statusText !== '') {
        if (BAD_REASON.test(`${statusText}`)) throw new TypeError('Invalid statusText');
        this.#rare = { ...USUAL, statusText: `${statusText}` };
      }
      if (headers !== undefined) {
        const made = new Headers(headers);
        if (type !== undefined && !made.has('content-type')) made.set('content-type', type);
        this.#headers = made;
        return;
      }
    }
    this.#headers = type;
  }

  static json(data: unknown, init?: ResponseInit): Response {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('The data cannot be shown as JSON');
    const response = new Response(text, init);
    const headers = init?.headers === undefined ? undefined : new Headers(init.headers);
    if (headers === undefined) response.#headers = 'application/json';
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
    response.#rare = { ...USUAL, kind: 'error' };
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
    return this.#rare.statusText;
  }
  get type(): string {
    return this.#rare.kind;
  }
  get url(): string {
    return this.#rare.url;
  }
  get redirected(): boolean {
    return this.#rare.redirected;
  }
  get headers(): Headers {
    const held = this.#headers;
    if (typeof held === 'object') return held;
    const headers = new Headers();
    if (held !== undefined) headers.set('content-type', held);
    this.#headers = headers;
    return headers;
  }

  clone(): Response {
    const copy = new Response(null, { headers: this.headers });
    copy.#status = this.#status;
    copy.#rare = this.#rare;
    replace(copy, share(this));
    return copy;
  }

  /** Ours: what the host answered to a fetch. */
  static fromHost(wire: WireResponse, url: string): Response {
    const response = new Response();
    replace(response, fromWire(wire.body));
    response.#status = wire.status;
    let lines = wire.headers;
    // The host puts the address that answered in front when it followed a redirect.
    const moved = /^popmesh-url: (.*)\n/.exec(lines);
    if (moved !== null) lines = lines.slice(moved[0].length);
    const from = moved?.[1] ?? url;
    response.#rare = { statusText: '', kind: 'basic', url: from, redirected: moved !== null };
    response.#headers = fromLines(`\n${lines}`);
    return response;
  }

  /** Ours: the answer to the host's request `id`. */
  static answer(response: Response, id: number, failed: (error: unknown) => void): void {
    const headers = response.#headers;
    let lines = '';
    if (headers === STRING_TYPE) lines = STRING_LINE;
    else if (typeof headers === 'object') lines = toLines(headers);
    else if (headers !== undefined) lines = `content-type: ${headers}\n`;
    respond(response, id, response.#status, lines, failed);
  }
}

export const { fromHost, answer } = Response;
for (const name of ['fromHost', 'answer']) Reflect.deleteProperty(Response, name);

Response.prototype.contentType = function contentType(this: Response): string | null {
  return this.headers.get('content-type');
};

tag(Response, 'Response');
