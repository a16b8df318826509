import { PopmeshError } from '@popmesh/contracts';
import { Compressions } from './compression.ts';
import { CryptoHost } from './crypto/crypto-host.ts';
import type { Body, InstanceContext } from './door.ts';
import { GuestFetches } from './guest-fetches.ts';
import { GuestPipes } from './guest-pipes.ts';
import { GuestRequests } from './guest-requests.ts';
import { LOG_LEVELS } from './wire.ts';

/**
 * The `popmesh:function/host` interface (proto/wit/function.wit) of one instance. Every
 * argument comes from hostile code: ids are looked up, sizes are capped, nothing is trusted
 * to be called in order. A cap that is passed throws, which traps that instance alone.
 */

export const HOST_LIMITS = {
  randomBytesMax: 65_536,
  /** Ten thousand of an author's, and the waits of the platform itself. */
  timersMax: 12_000,
  urlLengthMax: 65_536,
} as const;

/** Says in the guest that what it began is over; `owner` is the request that began it. */
export type Settle = (wait: number, value: number, owner: number) => void;

const URL_PARTS = new Set(
  'href protocol username password host hostname port pathname search hash'.split(' '),
);
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

export class FunctionHost {
  readonly imports: Readonly<Record<string, unknown>>;
  readonly requests: GuestRequests;
  readonly pipes: GuestPipes;
  readonly fetches: GuestFetches;
  readonly #context: InstanceContext;
  readonly #settle: Settle;
  readonly #beganMs: number;
  readonly #timers = new Map<number, { cancel(): void }>();
  readonly #crypto = new CryptoHost();
  readonly #compressions: Compressions;
  /** What `report` said last: the reason, should a trap follow. */
  lastReport: string | undefined;

  constructor(context: InstanceContext, settle: Settle) {
    this.#context = context;
    this.#compressions = new Compressions((micros) => context.charge?.(micros));
    this.#settle = settle;
    this.#beganMs = context.clock.monotonic();
    this.requests = new GuestRequests(settle);
    const owner = (): number => this.requests.current;
    this.pipes = new GuestPipes(
      () => context.createPipe(),
      () => context.pipeBufferBytes,
      settle,
      owner,
    );
    this.fetches = new GuestFetches(() => context.outbound, this.pipes, settle, owner);
    this.imports = Object.freeze(Object.assign(Object.create(null), this.#functions()));
  }

  dispose(): void {
    this.fetches.dispose();
    this.#context.outbound.dispose();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.pipes.dispose();
    this.#crypto.dispose();
    this.requests.dispose();
  }

  #functions(): Record<string, unknown> {
    const context = this.#context;
    const { requests, pipes, fetches } = this;
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
      respond: (id: number, status: number, headers: string, text: string) =>
        requests.respond(id, status, headers, text === '' ? NO_BODY : { kind: 'text', text }),
      respondBytes: (id: number, status: number, headers: string, bytes: Uint8Array) =>
        requests.respond(id, status, headers, { kind: 'bytes', bytes }),
      respondPipe: (id: number, status: number, headers: string, pipe: number) =>
        this.#respondPipe(id, status, headers, pipe),
      bodyText: (id: number) => decoder.decode(requests.takeBody(id)),
      bodyBytes: (id: number) => requests.takeBody(id),
      timer: (wait: number, ms: number) => this.#timer(wait, ms),
      timerCancel: (wait: number) => this.#cancelTimer(wait),
      fetch: fetches.begin,
      fetchTake: fetches.take,
      fetchAbort: fetches.abort,
      pipeOpen: pipes.open,
      pipeWrite: pipes.write,
      pipeClose: pipes.close,
      pipeReady: pipes.ready,
      pipeTake: pipes.take,
      pipeCancel: pipes.cancel,
      gone: (wait: number, id: number) => requests.whenGone(wait, id),
      retain: (id: number) => {
        requests.retain(id);
        context.retain(id);
      },
      release: (id: number) => {
        requests.release(id);
        context.release(id);
      },
      urlParse: (url: string, base: string) => parseUrl(url, base),
      urlSet: (href: string, part: string, value: string) => setUrl(href, part, value),
      utf8Encode: (text: string) => encoder.encode(text),
      utf8Decode: (bytes: Uint8Array) => decoder.decode(bytes),
      compress: (format: string, input: number) => this.#compress(format, input),
      crypto: (operation: string, parameters: string, data: Uint8Array[]) =>
        this.#crypto.run(operation, parameters, data),
    };
  }

  /** An author's own timers are theirs to count: too many is an error in the guest. */
  #timer(wait: number, ms: number): number {
    this.#cancelTimer(wait);
    if (this.#timers.size >= HOST_LIMITS.timersMax) return 0;
    const owner = this.requests.current;
    const timer = this.#context.clock.setTimer(Math.min(ms, 2 ** 31 - 1), () => {
      this.#timers.delete(wait);
      this.#settle(wait, 1, owner);
    });
    this.#timers.set(wait, timer);
    return 1;
  }

  #cancelTimer(wait: number): void {
    this.#timers.get(wait)?.cancel();
    this.#timers.delete(wait);
  }

  #respondPipe(id: number, status: number, headers: string, number: number): void {
    const pipe = this.pipes.get(number);
    // Ours from here: the guest goes on writing by its number until it closes the pipe.
    if (pipe !== undefined) {
      if (!this.requests.respond(id, status, headers, { kind: 'pipe', pipe })) pipe.cancel();
      return;
    }
    this.requests.fail(
      id,
      new PopmeshError('invalid_response', 'The response names a pipe that is not there'),
    );
  }

  #compress(format: string, input: number): number {
    const from = this.pipes.get(input);
    const to = this.pipes.create();
    const done = from && this.#compressions.start(format, from, to);
    if (done === undefined) return 0;
    void done.then(() => this.pipes.remove(input));
    return this.pipes.add(to);
  }
}

const NO_BODY: Body = { kind: 'none' };

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
