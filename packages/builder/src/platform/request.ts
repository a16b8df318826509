import type { WireRequest } from 'popmesh:function/host@0.1.0';
import { AbortSignal, createSignal, trigger } from './abort.ts';
import {
  Body,
  type BodyInit,
  fromWire,
  isNull,
  move,
  replace,
  type Source,
  share,
  sourceType,
  toSource,
} from './body.ts';
import { tag } from './define.ts';
import { fromLines, Headers, type HeadersInit } from './headers.ts';
import { host, ignore, settled } from './host.ts';
import { URL } from './url.ts';

/** Request. One from the host keeps the host's record: headers and signal are made when touched. */

export interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  signal?: AbortSignal | null;
  redirect?: string;
  cache?: string;
  credentials?: string;
  integrity?: string;
  keepalive?: boolean;
  mode?: string;
  referrer?: string;
  referrerPolicy?: string;
  duplex?: string;
  window?: unknown;
}

const FROM_HOST = Symbol('from the host');
const STANDARD_METHOD = /^(?:delete|get|head|options|post|put)$/i;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FORBIDDEN_METHOD = /^(?:connect|trace|track)$/i;
const REDIRECTS = ['follow', 'error', 'manual'];

function methodOf(method: unknown): string {
  const text = `${method}`;
  if (text === 'GET' || text === 'POST') return text;
  if (!TOKEN.test(text) || FORBIDDEN_METHOD.test(text)) {
    throw new TypeError(`Invalid method: ${JSON.stringify(text)}`);
  }
  return STANDARD_METHOD.test(text) ? text.toUpperCase() : text;
}

/** What `prepare` found, for the constructor that called it: nothing may come before `super`. */
let method = 'GET';
let url = '';
let type: string | undefined;

function prepare(input: Request | URL | string, init: RequestInit | undefined): Source {
  const other = input instanceof Request ? input : undefined;
  const wanted = init?.method === undefined ? (other?.method ?? 'GET') : methodOf(init.method);
  const given = init?.body ?? null;
  const taken = given === null && other !== undefined && !isNull(other);
  if ((given !== null || taken) && (wanted === 'GET' || wanted === 'HEAD')) {
    throw new TypeError('Request with GET/HEAD method cannot have body');
  }
  url = other === undefined ? absolute(input as URL | string) : other.url;
  const source = given !== null ? toSource(given) : taken ? move(other as Request) : null;
  type = given === null ? undefined : sourceType;
  method = wanted;
  return source;
}

export class Request extends Body {
  #method: string;
  #url: string;
  #lines: string;
  #headers: Headers | undefined = undefined;
  #id: number;
  #signal: AbortSignal | undefined = undefined;
  /** What `signal` will follow once it is touched. */
  #followed: AbortSignal | undefined = undefined;
  #init: RequestInit | undefined = undefined;

  constructor(input: Request | URL | string, init?: RequestInit, from?: unknown) {
    super(
      from === FROM_HOST ? fromWire((input as unknown as WireRequest).body) : prepare(input, init),
    );
    if (from === FROM_HOST) {
      const wire = input as unknown as WireRequest;
      this.#method = wire.method;
      this.#url = wire.url;
      this.#lines = wire.headers;
      this.#id = init as unknown as number;
      return;
    }
    this.#method = method;
    this.#url = url;
    this.#lines = '';
    this.#id = 0;
    this.#adopt(input instanceof Request ? input : undefined, init);
  }

  #adopt(other: Request | undefined, init: RequestInit | undefined): void {
    const headers = new Headers(init?.headers ?? other?.headers);
    this.#headers = headers;
    if (type !== undefined && !headers.has('content-type')) headers.set('content-type', type);
    if (init?.mode === 'navigate' || (init?.window ?? null) !== null) {
      throw new TypeError('A request of a function has no window and does not navigate');
    }
    const redirect = init?.redirect ?? other?.redirect ?? 'follow';
    if (!REDIRECTS.includes(redirect)) throw new TypeError(`Invalid redirect: ${redirect}`);
    this.#init = { ...(other === undefined ? undefined : other.#init), ...init, redirect };
    // A request given as `init` or `input` is followed without starting its wait.
    const model = init instanceof Request ? init : init?.signal === undefined ? other : undefined;
    if (model !== undefined) {
      this.#followed = model.#signal ?? model.#followed;
      this.#id = model.#id;
      return;
    }
    const signal = init?.signal;
    if (signal === null || signal === undefined) return;
    if (!(signal instanceof AbortSignal)) throw new TypeError('signal must be an AbortSignal');
    this.#followed = signal;
  }

  get method(): string {
    return this.#method;
  }
  get url(): string {
    return this.#url;
  }
  get headers(): Headers {
    if (this.#headers === undefined) this.#headers = fromLines(this.#lines, true);
    return this.#headers;
  }

  get signal(): AbortSignal {
    if (this.#signal !== undefined) return this.#signal;
    const signal =
      this.#followed === undefined ? createSignal() : AbortSignal.any([this.#followed]);
    this.#signal = signal;
    if (this.#followed === undefined && this.#id !== 0) ignore(this.#untilGone(signal));
    return signal;
  }

  async #untilGone(signal: AbortSignal): Promise<void> {
    if ((await settled(host.gone(this.#id))) === 1) {
      trigger(signal, new DOMException('The client has gone away', 'AbortError'));
    }
  }

  get redirect(): string {
    return this.#init?.redirect ?? 'follow';
  }
  get cache(): string {
    return this.#init?.cache ?? 'default';
  }
  get credentials(): string {
    return this.#init?.credentials ?? 'same-origin';
  }
  get destination(): string {
    return '';
  }
  get integrity(): string {
    return this.#init?.integrity ?? '';
  }
  get keepalive(): boolean {
    return this.#init?.keepalive ?? false;
  }
  get mode(): string {
    return this.#init?.mode ?? 'cors';
  }
  get referrer(): string {
    return this.#init?.referrer ?? 'about:client';
  }
  get referrerPolicy(): string {
    return this.#init?.referrerPolicy ?? '';
  }
  get duplex(): string {
    return 'half';
  }

  clone(): Request {
    const body = share(this);
    const copy = new Request(this.#url, {
      ...this.#init,
      method: this.#method,
      headers: this.headers,
      signal: null,
      body: null,
    });
    copy.#followed = this.#signal ?? this.#followed;
    copy.#id = this.#id;
    replace(copy, body);
    return copy;
  }

  /** Ours: the signal when there is one to follow; the client's counts when its request is passed on. */
  static signalOf(request: Request): AbortSignal | undefined {
    // What it follows rather than a signal of its own, which would stay listed there for ever.
    const signal = request.#signal ?? request.#followed;
    return signal ?? (request.#id === 0 ? undefined : request.signal);
  }
}

export const { signalOf } = Request;
Reflect.deleteProperty(Request, 'signalOf');

/** Ours: the request that the host gave. */
export const requestFromHost = (id: number, wire: WireRequest): Request =>
  new Request(wire as unknown as string, id as unknown as RequestInit, FROM_HOST);

const absolute = (input: URL | string): string => {
  const url = new URL(`${input}`);
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('A request URL must not hold credentials');
  }
  return url.href;
};

Request.prototype.contentType = function contentType(this: Request): string | null {
  return this.headers.get('content-type');
};

tag(Request, 'Request');
