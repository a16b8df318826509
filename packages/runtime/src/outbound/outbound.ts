import { Readable } from 'node:stream';
import { PopmeshError } from '@popmesh/contracts';
import { Agent, type Dispatcher, errors } from 'undici';
import type {
  Body,
  GuestRequest,
  GuestResponse,
  Outbound,
  OutboundOptions,
  Pipe,
  RedirectMode,
} from '../worker/door.ts';
import { createAddressCheck } from './address-policy.ts';
import { Allowance } from './allowance.ts';
import { createConnector, type Lookup, systemLookup } from './connector.ts';
import { incomingHeaders, outgoingHeaders } from './headers.ts';
import { createHostMatcher, type HostMatcher } from './host-patterns.ts';
import { OUTBOUND_LIMITS } from './limits.ts';
import { isRedirect, redirected } from './redirect.ts';
import { ResponsePipe, tooLarge } from './response-body.ts';

export interface OutboundExtras {
  /** Default: the system's resolver. */
  readonly lookup?: Lookup;
}

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
const METHODS_REFUSED: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** One instance's way out, with sockets of its own so that nothing is shared between tenants. */
export function createOutbound(options: OutboundOptions & OutboundExtras): Outbound {
  return new InstanceOutbound(options);
}

class InstanceOutbound implements Outbound {
  readonly #options: OutboundOptions & OutboundExtras;
  readonly #matches: HostMatcher;
  readonly #allowance: Allowance;
  readonly #responseBytesMax: number;
  readonly #ended = new AbortController();
  /** Made with the first call: most instances never make one. */
  #agent: Agent | undefined;

  constructor(options: OutboundOptions & OutboundExtras) {
    this.#options = options;
    this.#matches = createHostMatcher(options.hosts);
    this.#allowance = new Allowance(options.concurrent, options.total);
    this.#responseBytesMax = options.responseMb * 1024 * 1024;
  }

  begin(): void {
    this.#allowance.begin();
  }

  end(): void {
    this.#allowance.end();
  }

  dispose(): void {
    this.#ended.abort(new PopmeshError('cancelled', 'the instance has ended'));
    void this.#agent?.destroy().catch(() => {});
  }

  async fetch(
    request: GuestRequest,
    signal: AbortSignal,
    redirect: RedirectMode = this.#options.redirect ?? 'follow',
  ): Promise<GuestResponse> {
    const either = AbortSignal.any([signal, this.#ended.signal]);
    try {
      return await this.#follow(request, either, redirect);
    } catch (caught) {
      if (request.body.kind === 'pipe') request.body.pipe.cancel();
      if (either.aborted) throw PopmeshError.from(either.reason, 'cancelled');
      throw translate(caught);
    }
  }

  async #follow(
    first: GuestRequest,
    signal: AbortSignal,
    redirect: RedirectMode,
  ): Promise<GuestResponse> {
    let request = first;
    for (let hops = 0; ; hops++) {
      const response = await this.#once(request, signal);
      const location = response.headers.location;
      if (redirect === 'manual' || !isRedirect(response.statusCode) || location === undefined) {
        const answer = this.#deliver(request, response);
        return hops === 0 ? answer : { ...answer, url: request.url };
      }
      response.body.on('error', () => {}).destroy();
      if (redirect === 'error') {
        throw new PopmeshError('peer_misbehaved', 'redirected, which the call did not want');
      }
      if (hops >= OUTBOUND_LIMITS.redirects) {
        throw new PopmeshError(
          'outbound_limit_exceeded',
          `redirected more than ${OUTBOUND_LIMITS.redirects} times`,
        );
      }
      const to = Array.isArray(location) ? (location[0] ?? '') : location;
      request = redirected(request, response.statusCode, to);
    }
  }

  /** One exchange; every redirect passes here again, with all its checks. */
  async #once(request: GuestRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const url = this.#check(request);
    const headers = outgoingHeaders(request.headers);
    this.#allowance.spend();
    const leave = await this.#allowance.enter(signal);
    try {
      signal.throwIfAborted();
      return await this.#dispatcher().request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method as Dispatcher.HttpMethod,
        headers: withLength(headers, request.body),
        body: requestBody(request.body),
        signal,
      });
    } finally {
      leave();
    }
  }

  #check(request: GuestRequest): URL {
    const url = request.url.length <= OUTBOUND_LIMITS.urlBytes ? URL.parse(request.url) : null;
    if (url === null) throw new PopmeshError('invalid_argument', 'outbound request: invalid URL');
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new PopmeshError('outbound_denied', `${url.protocol} is not http or https`);
    }
    if (url.username !== '' || url.password !== '') {
      throw new PopmeshError('invalid_argument', 'outbound request: credentials in the URL');
    }
    if (!METHOD.test(request.method) || METHODS_REFUSED.has(request.method.toUpperCase())) {
      throw new PopmeshError('invalid_argument', 'outbound request: method is not allowed');
    }
    const scheme = url.protocol === 'https:' ? 'https' : 'http';
    const port = url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port);
    if (!this.#matches(url.hostname, port, scheme)) {
      throw new PopmeshError('outbound_denied', `${url.host} is not among the function's hosts`, {
        hint: `Add ${JSON.stringify(url.host)} to "outbound" in popmesh.toml.`,
        details: { host: url.host },
      });
    }
    return url;
  }

  #deliver(request: GuestRequest, response: Dispatcher.ResponseData): GuestResponse {
    const status = response.statusCode;
    const headers = incomingHeaders(response.headers);
    const length = Number(response.headers['content-length'] ?? Number.NaN);
    const body = (): Body => {
      if (request.method === 'HEAD' || status === 204 || status === 304 || length === 0) {
        response.body.on('error', () => {}).resume();
        return { kind: 'none' };
      }
      if (length > this.#responseBytesMax) {
        response.body.on('error', () => {}).destroy();
        throw tooLarge(this.#responseBytesMax);
      }
      const pipe = new ResponsePipe(
        response.body,
        this.#responseBytesMax,
        this.#options.clock,
        response.trailers,
      );
      return Number.isNaN(length)
        ? { kind: 'pipe', pipe }
        : { kind: 'pipe', pipe, lengthBytes: length };
    };
    return { status, headers, body: body() };
  }

  #dispatcher(): Agent {
    this.#agent ??= new Agent({
      connect: createConnector({
        check: createAddressCheck({
          allowPrivate: this.#options.allowPrivate ?? [],
          deny: this.#options.deny ?? [],
        }),
        lookup: this.#options.lookup ?? systemLookup,
        clock: this.#options.clock,
      }),
      pipelining: 1,
      // Calls are bounded before they come here; a second queue would only hide them.
      connections: null,
      maxHeaderSize: OUTBOUND_LIMITS.responseHeaderBytes,
      headersTimeout: OUTBOUND_LIMITS.headMs,
      bodyTimeout: OUTBOUND_LIMITS.bodyIdleMs,
      keepAliveTimeout: OUTBOUND_LIMITS.keepAliveMs,
      keepAliveMaxTimeout: OUTBOUND_LIMITS.keepAliveMs,
    });
    return this.#agent;
  }
}

function requestBody(body: Body): Buffer | string | Readable | null {
  if (body.kind === 'none') return null;
  if (body.kind === 'text') return body.text;
  if (body.kind === 'bytes') return Buffer.from(body.bytes);
  return Readable.from(chunks(body.pipe), { objectMode: false, highWaterMark: 64 * 1024 });
}

async function* chunks(pipe: Pipe): AsyncGenerator<Uint8Array> {
  try {
    for (let bytes = await pipe.read(); bytes !== undefined; bytes = await pipe.read()) yield bytes;
  } finally {
    pipe.cancel();
  }
}

const withLength = (headers: string[], body: Body): string[] =>
  body.kind === 'pipe' && body.lengthBytes !== undefined
    ? [...headers, 'content-length', String(body.lengthBytes)]
    : headers;

/** undici's and the socket's words into ours; the details stay in the cause. */
function translate(caught: unknown): PopmeshError {
  if (caught instanceof PopmeshError) return caught;
  const timedOut =
    caught instanceof errors.ConnectTimeoutError ||
    caught instanceof errors.HeadersTimeoutError ||
    caught instanceof errors.BodyTimeoutError;
  if (timedOut) return new PopmeshError('timeout_exceeded', caught.message, { cause: caught });
  if (caught instanceof errors.InvalidArgumentError) {
    return new PopmeshError('invalid_argument', `outbound request: ${caught.message}`, {
      cause: caught,
    });
  }
  const { code, message } = caught as { code?: string; message?: string };
  if (code?.startsWith('HPE_') === true || caught instanceof errors.HeadersOverflowError) {
    return new PopmeshError('peer_misbehaved', `invalid HTTP: ${message}`, { cause: caught });
  }
  return new PopmeshError('peer_unavailable', `the call failed: ${code ?? message}`, {
    cause: caught,
  });
}
