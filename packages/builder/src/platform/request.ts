import { AbortSignal, createSignal, trigger } from './abort.ts';
import {
  Body,
  type BodyInit,
  bodyOfRequest,
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
import { host } from './host.ts';
import { URL } from './url.ts';
import { normalisedByHost } from './url-record.ts';
import { newWait } from './waits.ts';

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

/**
 * A request as the host gave it: method, URL, a line feed and field lines, cut when asked for.
 * Of one that is made here, `id` 0 and only the method.
 */
interface Wire {
  readonly id: number;
  readonly head: string;
  readonly methodLength: number;
  readonly urlLength: number;
}

/** What few requests have. */
interface More {
  signal?: AbortSignal;
  /** What `signal` will follow once it is touched. */
  followed?: AbortSignal | undefined;
  /** The host's request that this one stands for: its client is the one to watch. */
  id?: number;
  init?: RequestInit;
}

export class Request extends Body {
  #wire: Wire;
  #url: string | undefined = undefined;
  #headers: Headers | undefined = undefined;
  #more: More | undefined = undefined;

  constructor(input: Request | URL | string, init?: RequestInit, from?: unknown) {
    super(
      from === FROM_HOST
        ? bodyOfRequest((input as unknown as Wire).id, init as unknown as number)
        : prepare(input, init),
    );
    if (from === FROM_HOST) {
      this.#wire = input as unknown as Wire;
      return;
    }
    this.#wire = { id: 0, head: method, methodLength: method.length, urlLength: 0 };
    this.#url = url;
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
    const theirs = other === undefined ? undefined : other.#more;
    const more: More = { init: { ...theirs?.init, ...init, redirect } };
    this.#more = more;
    // A request given as `init` or `input` is followed without starting its wait.
    const model = init instanceof Request ? init : init?.signal === undefined ? other : undefined;
    if (model !== undefined) {
      more.followed = model.#more?.signal ?? model.#more?.followed;
      more.id = model.#client;
      return;
    }
    const signal = init?.signal;
    if (signal === null || signal === undefined) return;
    if (!(signal instanceof AbortSignal)) throw new TypeError('signal must be an AbortSignal');
    more.followed = signal;
  }

  /** The host's number of the request whose client this one depends on; 0: none. */
  get #client(): number {
    return this.#wire.id === 0 ? (this.#more?.id ?? 0) : this.#wire.id;
  }

  get method(): string {
    const wire = this.#wire;
    return wire.head.slice(0, wire.methodLength);
  }
  get url(): string {
    const cut = this.#url;
    if (cut !== undefined) return cut;
    const wire = this.#wire;
    const from = wire.methodLength;
    const url = wire.head.slice(from, from + wire.urlLength);
    this.#url = url;
    normalisedByHost(url);
    return url;
  }
  get headers(): Headers {
    const made = this.#headers;
    if (made !== undefined) return made;
    const wire = this.#wire;
    const headers = fromLines(wire.head.slice(wire.methodLength + wire.urlLength));
    this.#headers = headers;
    return headers;
  }

  get signal(): AbortSignal {
    this.#more ??= {};
    const more = this.#more;
    if (more.signal !== undefined) return more.signal;
    const signal = more.followed === undefined ? createSignal() : AbortSignal.any([more.followed]);
    more.signal = signal;
    const client = this.#client;
    if (more.followed === undefined && client !== 0) {
      const wait = newWait((gone) => {
        if (gone === 1) {
          trigger(signal, new DOMException('The client has gone away', 'AbortError'));
        }
      });
      host.gone(wait, client);
    }
    return signal;
  }

  get redirect(): string {
    return this.#more?.init?.redirect ?? 'follow';
  }
  get cache(): string {
    return this.#more?.init?.cache ?? 'default';
  }
  get credentials(): string {
    return this.#more?.init?.credentials ?? 'same-origin';
  }
  get destination(): string {
    return '';
  }
  get integrity(): string {
    return this.#more?.init?.integrity ?? '';
  }
  get keepalive(): boolean {
    return this.#more?.init?.keepalive ?? false;
  }
  get mode(): string {
    return this.#more?.init?.mode ?? 'cors';
  }
  get referrer(): string {
    return this.#more?.init?.referrer ?? 'about:client';
  }
  get referrerPolicy(): string {
    return this.#more?.init?.referrerPolicy ?? '';
  }
  get duplex(): string {
    return 'half';
  }

  clone(): Request {
    const body = share(this);
    const copy = new Request(this.url, {
      ...this.#more?.init,
      method: this.method,
      headers: this.headers,
      signal: null,
      body: null,
    });
    const more = copy.#more as More;
    more.followed = this.#more?.signal ?? this.#more?.followed;
    more.id = this.#client;
    replace(copy, body);
    return copy;
  }

  /** Ours: the signal when there is one to follow; the client's counts when its request is passed on. */
  static signalOf(request: Request): AbortSignal | undefined {
    // What it follows rather than a signal of its own, which would stay listed there for ever.
    const signal = request.#more?.signal ?? request.#more?.followed;
    return signal ?? (request.#client === 0 ? undefined : request.signal);
  }
}

export const { signalOf } = Request;
Reflect.deleteProperty(Request, 'signalOf');

/** Ours: the request that the host gave. */
export function requestFromHost(
  id: number,
  head: string,
  methodLength: number,
  urlLength: number,
  body: number,
): Request {
  const wire: Wire = { id, head, methodLength, urlLength };
  return new Request(wire as unknown as string, body as unknown as RequestInit, FROM_HOST);
}

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
