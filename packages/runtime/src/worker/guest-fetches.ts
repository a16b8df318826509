import { PopmeshError } from '@popmesh/contracts';
import type { Body, GuestResponse, Outbound, RedirectMode } from './door.ts';
import type { Settle } from './function-host.ts';
import type { GuestPipe, GuestPipes } from './guest-pipes.ts';
import { toHeaderLines, toHeaderList } from './header-lines.ts';

/** What one instance asks of the outside, from `fetch` to `fetch-take`. */

export const FETCHES_MAX = 256;
/** In bodies of requests that were asked for, before one more: it may be of any size. */
export const FETCH_HELD_BYTES_MAX = 128 * 1024 * 1024;

const REDIRECT_LINE = /^popmesh-redirect: (manual|error)\n/;

type WireBody =
  | { tag: 'none' }
  | { tag: 'text'; val: string }
  | { tag: 'bytes'; val: Uint8Array }
  | { tag: 'pipe'; val: number };

interface WireRequest {
  method: string;
  url: string;
  headers: string;
  body: WireBody;
}

interface PendingFetch {
  readonly abort: AbortController;
  outcome: object | undefined;
}

export class GuestFetches {
  readonly #pending = new Map<number, PendingFetch>();
  readonly #outbound: () => Outbound;
  readonly #pipes: GuestPipes;
  readonly #settle: Settle;
  readonly #owner: () => number;
  #heldBytes = 0;

  constructor(outbound: () => Outbound, pipes: GuestPipes, settle: Settle, owner: () => number) {
    this.#outbound = outbound;
    this.#pipes = pipes;
    this.#settle = settle;
    this.#owner = owner;
  }

  readonly begin = (wait: number, request: WireRequest): void => {
    this.#pending.get(wait)?.abort.abort();
    const pending: PendingFetch = { abort: new AbortController(), outcome: undefined };
    if (this.#pending.size >= FETCHES_MAX) {
      this.#pending.delete(this.#pending.keys().next().value as number);
    }
    this.#pending.set(wait, pending);
    const owner = this.#owner();
    void this.#run(pending, request).then((outcome) => {
      pending.outcome = outcome;
      this.#settle(wait, 1, owner);
    });
  };

  readonly take = (wait: number): object => {
    const outcome = this.#pending.get(wait)?.outcome;
    if (outcome === undefined) return { tag: 'failed', val: 'invalid_argument: no such fetch' };
    this.#pending.delete(wait);
    return outcome;
  };

  readonly abort = (wait: number): void => {
    this.#pending.get(wait)?.abort.abort();
  };

  abortAll(): void {
    for (const fetch of this.#pending.values()) fetch.abort.abort();
  }

  dispose(): void {
    this.abortAll();
    this.#pending.clear();
  }

  /** Those that wait for their turn hold their bodies, and so do those that were forgotten. */
  async #run(pending: PendingFetch, request: WireRequest): Promise<object> {
    if (this.#heldBytes > FETCH_HELD_BYTES_MAX) {
      return {
        tag: 'failed',
        val: 'outbound_limit_exceeded: too many bytes of bodies are waiting',
      };
    }
    const { body } = request;
    const sizeBytes = body.tag === 'bytes' || body.tag === 'text' ? body.val.length : 0;
    this.#heldBytes += sizeBytes;
    try {
      return await this.#ask(pending, request);
    } finally {
      this.#heldBytes -= sizeBytes;
    }
  }

  async #ask(pending: PendingFetch, request: WireRequest): Promise<object> {
    // The guest's platform names another mode than `follow` in a line of its own, in front.
    const mode = REDIRECT_LINE.exec(request.headers);
    try {
      const response = await this.#outbound().fetch(
        {
          method: request.method,
          url: request.url,
          headers: toHeaderList(request.headers.slice(mode?.[0].length ?? 0)),
          body: this.#toBody(request.body),
        },
        pending.abort.signal,
        mode?.[1] as RedirectMode | undefined,
      );
      return { tag: 'ok', val: this.#toGuest(response) };
    } catch (caught) {
      const error = PopmeshError.from(caught, 'peer_unavailable');
      return { tag: 'failed', val: `${error.code}: ${error.message}` };
    }
  }

  #toGuest(response: GuestResponse): { status: number; headers: string; body: WireBody } {
    const lines = response.headerLines ?? toHeaderLines(response.headers);
    return {
      status: response.status,
      headers: response.url === undefined ? lines : `popmesh-url: ${response.url}\n${lines}`,
      body: this.#toWire(response.body),
    };
  }

  #toWire(body: Body): WireBody {
    if (body.kind === 'text') return { tag: 'text', val: body.text };
    if (body.kind === 'bytes') return { tag: 'bytes', val: body.bytes };
    if (body.kind === 'none') return { tag: 'none' };
    return { tag: 'pipe', val: this.#pipes.add(body.pipe as GuestPipe) };
  }

  #toBody(body: WireBody): Body {
    if (body.tag === 'text') return { kind: 'text', text: body.val };
    if (body.tag === 'bytes') return { kind: 'bytes', bytes: body.val };
    if (body.tag !== 'pipe') return { kind: 'none' };
    const pipe = this.#pipes.get(body.val);
    if (pipe === undefined) throw new PopmeshError('invalid_argument', 'No such pipe');
    return { kind: 'pipe', pipe };
  }
}
