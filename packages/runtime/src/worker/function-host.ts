import { PopmeshError } from '@popmesh/contracts';
import { IdMap } from '../id-map.ts';
import { Compressions } from './compression.ts';
import { CryptoHost } from './crypto/crypto-host.ts';
import type { Body, GuestResponse, InstanceContext, Pipe, RedirectMode } from './door.ts';
import { toHeaderLines, toHeaderList } from './header-lines.ts';
import { LOG_LEVELS } from './wire.ts';

/**
 * The `popmesh:function/host` interface (proto/wit/function.wit) of one instance. Every
 * argument comes from hostile code: ids are looked up, sizes are capped, nothing is trusted
 * to be called in order. A cap that is passed throws, which traps that instance alone.
 */

export const HOST_LIMITS = {
  randomBytesMax: 65_536,
  takeBytesMax: 65_536,
  pipesMax: 1_024,
  /** Ten thousand of an author's, and the waits of the platform itself. */
  timersMax: 12_000,
  fetchesMax: 256,
  urlLengthMax: 65_536,
} as const;

const REDIRECT_LINE = /^popmesh-redirect: (manual|error)\n/;

export type GuestBody =
  | { tag: 'none' }
  | { tag: 'text'; val: string }
  | { tag: 'bytes'; val: Uint8Array }
  | { tag: 'pipe'; val: number };

interface GuestFetch {
  method: string;
  url: string;
  headers: string;
  body: GuestBody;
}

interface PendingFetch {
  readonly abort: AbortController;
  outcome: object | undefined;
}

/** Pipes with the guest's two-step reading; all of ours are `BytePipe`s. */
export interface GuestPipe extends Pipe {
  ready(): Promise<0 | 1 | 2>;
  take(bytesMax: number): Uint8Array;
}

const URL_PARTS = new Set(
  'href protocol username password host hostname port pathname search hash'.split(' '),
);
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

export class FunctionHost {
  readonly imports: Readonly<Record<string, unknown>>;
  readonly #context: InstanceContext;
  readonly #beganMs: number;
  readonly #pipes = new Map<number, GuestPipe>();
  readonly #timers = new Map<number, { cancel(): void; answer(value: number): void }>();
  readonly #fetches = new Map<number, PendingFetch>();
  readonly #gone = new IdMap<{ signal: AbortSignal; ended: (() => void)[] }>();
  readonly #crypto = new CryptoHost();
  readonly #compressions: Compressions;
  /** What `report` said last: the reason, should a trap follow. */
  lastReport: string | undefined;
  #pipeId = 0;

  constructor(context: InstanceContext) {
    this.#context = context;
    this.#compressions = new Compressions((micros) => context.charge?.(micros));
    this.#beganMs = context.clock.monotonic();
    this.imports = Object.freeze(Object.assign(Object.create(null), this.#functions()));
  }

  /** The request is known to `gone` from here to `endRequest`. */
  beginRequest(id: number, signal: AbortSignal): void {
    this.#gone.set(id, { signal, ended: [] });
  }

  endRequest(id: number): void {
    const entry = this.#gone.get(id);
    this.#gone.delete(id);
    for (const run of entry?.ended ?? []) run();
  }

  addPipe(pipe: GuestPipe): number {
    if (this.#pipes.size >= HOST_LIMITS.pipesMax) throw new Error('too many pipes');
    this.#pipeId++;
    this.#pipes.set(this.#pipeId, pipe);
    return this.#pipeId;
  }

  pipe(id: number): GuestPipe | undefined {
    return this.#pipes.get(id);
  }

  removePipe(id: number): void {
    this.#pipes.delete(id);
  }

  abortFetches(): void {
    for (const fetch of this.#fetches.values()) fetch.abort.abort();
  }

  dispose(): void {
    this.abortFetches();
    this.#context.outbound.dispose();
    for (const timer of this.#timers.values()) timer.cancel();
    for (const pipe of this.#pipes.values()) {
      pipe.close('the instance ended');
      pipe.cancel();
    }
    this.#crypto.dispose();
    this.#timers.clear();
    this.#fetches.clear();
    this.#pipes.clear();
    this.#gone.clear();
  }

  #functions(): Record<string, unknown> {
    const context = this.#context;
    // Of an instance that was made ahead of need, it is known later.
    let config: string | undefined;
    return {
      config: () => {
        config ??= JSON.stringify(context.config);
        return config;
      },
      now: () => Math.floor(context.clock.now()),
      monotonic: () => Math.floor(context.clock.monotonic() - this.#beganMs),
      random: (length: number) =>
        context.randomBytes(Math.min(length >>> 0, HOST_LIMITS.randomBytesMax)),
      log: (level: string, message: string) =>
        context.log(LOG_LEVELS.find((known) => known === level) ?? 'info', message),
      report: (message: string, stack: string) => {
        this.lastReport = message.slice(0, 1_000);
        context.report(message, stack);
      },
      timer: (id: number, ms: number) => this.#timer(id, ms),
      timerCancel: (id: number) => this.#timers.get(id)?.answer(0),
      fetch: (id: number, request: GuestFetch) => this.#fetch(id, request),
      fetchTake: (id: number) => this.#fetchTake(id),
      fetchAbort: (id: number) => this.#fetches.get(id)?.abort.abort(),
      pipeOpen: () => this.addPipe(context.createPipe() as GuestPipe),
      pipeWrite: async (id: number, bytes: Uint8Array) =>
        (await this.#pipes.get(id)?.write(bytes)) === true ? 1 : 0,
      pipeClose: (id: number, error: string) => this.#pipes.get(id)?.close(error),
      pipeReady: (id: number) => this.#pipeReady(id),
      pipeTake: (id: number) =>
        this.#pipes.get(id)?.take(HOST_LIMITS.takeBytesMax) ?? new Uint8Array(0),
      pipeCancel: (id: number) => {
        this.#pipes.get(id)?.cancel();
        this.#pipes.delete(id);
      },
      gone: (id: number) => this.#whenGone(id),
      retain: (id: number) => context.retain(id),
      release: (id: number) => context.release(id),
      urlParse: (url: string, base: string) => parseUrl(url, base),
      urlSet: (href: string, part: string, value: string) => setUrl(href, part, value),
      utf8Encode: (text: string) => encoder.encode(text),
      utf8Decode: (bytes: Uint8Array) => decoder.decode(bytes),
      compress: (format: string, input: number) => this.#compress(format, input),
      crypto: (operation: string, parameters: string, data: Uint8Array[]) =>
        this.#crypto.run(operation, parameters, data),
    };
  }

  #timer(id: number, ms: number): Promise<number> {
    if (this.#timers.size >= HOST_LIMITS.timersMax) throw new Error('too many timers');
    this.#timers.get(id)?.answer(0);
    return new Promise((resolve) => {
      const answer = (value: number): void => {
        timer.cancel();
        if (this.#timers.get(id) === entry) this.#timers.delete(id);
        resolve(value);
      };
      const timer = this.#context.clock.setTimer(Math.min(ms, 2 ** 31 - 1), () => answer(1));
      const entry = { cancel: () => timer.cancel(), answer };
      this.#timers.set(id, entry);
    });
  }

  async #pipeReady(id: number): Promise<number> {
    const pipe = this.#pipes.get(id);
    const state = (await pipe?.ready()) ?? 2;
    if (state !== 1) this.#pipes.delete(id);
    return state;
  }

  #whenGone(id: number): Promise<number> {
    const entry = this.#gone.get(id);
    if (entry === undefined) return Promise.resolve(0);
    if (entry.signal.aborted) return Promise.resolve(1);
    return new Promise((resolve) => {
      entry.signal.addEventListener('abort', () => resolve(1), { once: true });
      entry.ended.push(() => resolve(0));
    });
  }

  async #fetch(id: number, request: GuestFetch): Promise<number> {
    this.#fetches.get(id)?.abort.abort();
    const pending: PendingFetch = { abort: new AbortController(), outcome: undefined };
    const full = this.#fetches.size >= HOST_LIMITS.fetchesMax;
    if (full) this.#fetches.delete(this.#fetches.keys().next().value as number);
    this.#fetches.set(id, pending);
    // The guest's platform names another mode than `follow` in a line of its own, in front.
    const mode = REDIRECT_LINE.exec(request.headers);
    try {
      const response = await this.#context.outbound.fetch(
        {
          method: request.method,
          url: request.url,
          headers: toHeaderList(request.headers.slice(mode?.[0].length ?? 0)),
          body: this.#takeBody(request.body),
        },
        pending.abort.signal,
        mode?.[1] as RedirectMode | undefined,
      );
      const answer = this.#toGuest(response);
      if (response.url !== undefined)
        answer.headers = `popmesh-url: ${response.url}\n${answer.headers}`;
      pending.outcome = { tag: 'ok', val: answer };
    } catch (caught) {
      const error = PopmeshError.from(caught, 'peer_unavailable');
      pending.outcome = { tag: 'failed', val: `${error.code}: ${error.message}` };
    }
    return 1;
  }

  #fetchTake(id: number): object {
    const outcome = this.#fetches.get(id)?.outcome;
    if (outcome === undefined) return { tag: 'failed', val: 'invalid_argument: no such fetch' };
    this.#fetches.delete(id);
    return outcome;
  }

  #toGuest(response: GuestResponse): { status: number; headers: string; body: GuestBody } {
    return {
      status: response.status,
      headers: response.headerLines ?? toHeaderLines(response.headers),
      body: this.giveBody(response.body),
    };
  }

  #compress(format: string, input: number): number {
    const from = this.#pipes.get(input);
    const to = this.#context.createPipe() as GuestPipe;
    const done = from && this.#compressions.start(format, from, to);
    if (done === undefined) return 0;
    void done.then(() => this.#pipes.delete(input));
    return this.addPipe(to);
  }

  giveBody(body: Body): GuestBody {
    if (body.kind === 'text') return { tag: 'text', val: body.text };
    if (body.kind === 'bytes') return { tag: 'bytes', val: body.bytes };
    if (body.kind === 'pipe') return { tag: 'pipe', val: this.addPipe(body.pipe as GuestPipe) };
    return { tag: 'none' };
  }

  #takeBody(body: GuestBody): Body {
    if (body.tag === 'text') return { kind: 'text', text: body.val };
    if (body.tag === 'bytes') return { kind: 'bytes', bytes: body.val };
    if (body.tag !== 'pipe') return { kind: 'none' };
    const pipe = this.#pipes.get(body.val);
    if (pipe === undefined) throw new PopmeshError('invalid_argument', 'No such pipe');
    return { kind: 'pipe', pipe };
  }
}

function parseUrl(url: string, base: string): string {
  if (url.length > HOST_LIMITS.urlLengthMax || base.length > HOST_LIMITS.urlLengthMax) return '';
  const parsed = URL.parse(url, base === '' ? undefined : base);
  return parsed === null ? '' : urlLines(parsed);
}

function setUrl(href: string, part: string, value: string): string {
  if (href.length > HOST_LIMITS.urlLengthMax || value.length > HOST_LIMITS.urlLengthMax) return '';
  const url = URL.parse(href);
  if (url === null || !URL_PARTS.has(part)) return '';
  try {
    (url as unknown as Record<string, string>)[part] = value;
  } catch {
    // The `href` setter throws for an invalid URL; the others ignore it.
    return '';
  }
  return urlLines(url);
}

const urlLines = (url: URL): string =>
  `${url.href}\n${url.origin}\n${url.protocol}\n${url.username}\n${url.password}\n${url.host}\n` +
  `${url.hostname}\n${url.port}\n${url.pathname}\n${url.search}\n${url.hash}`;
