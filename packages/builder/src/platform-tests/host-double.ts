import { randomBytes } from 'node:crypto';
import type { WireBody, WireMessage } from './build-guest.ts';

/**
 * The smallest whole host of function.wit, for tests of the platform alone; the real one
 * is in packages/runtime. Pipes are unbounded queues here with one waiting side each.
 */

export interface Outbound {
  id: number;
  method: string;
  url: string;
  headers: string;
  body: WireBody;
}
/** 0 and 1 say something else where a request's body is told. */
const FIRST_PIPE = 2;
export type Answer = WireMessage | { failed: string };

class TestPipe {
  readonly chunks: Uint8Array[] = [];
  ended: 'open' | 'clean' | 'broken' | 'cancelled' = 'open';
  error = '';
  #wake: (() => void) | undefined;

  change(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
  async changed(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
  async ready(): Promise<number> {
    while (this.chunks.length === 0 && this.ended === 'open') await this.changed();
    return this.chunks.length > 0 ? 1 : this.ended === 'broken' ? 2 : 0;
  }
}

const part = (url: URL | null): string =>
  url === null
    ? ''
    : [
        url.href,
        url.origin,
        url.protocol,
        url.username,
        url.password,
        url.host,
        url.hostname,
        url.port,
        url.pathname,
        url.search,
        url.hash,
      ].join('\n');

export type GuestHost = ReturnType<typeof hostFor>;

export function hostFor(config: Record<string, unknown>) {
  const logs: [level: string, message: string][] = [];
  const reports: [message: string, stack: string][] = [];
  const pipes = new Map<number, TestPipe>();
  const timers = new Map<number, NodeJS.Timeout>();
  const outbound = new Map<number, { answer: Promise<Answer>; abort: () => void }>();
  let firing = 0;
  const resting: (() => void)[] = [];
  const gone = new Map<number, number>();
  const bodies = new Map<number, Uint8Array>();
  const answers = new Map<number, (answer: WireMessage) => void>();
  const ended = (id: number, value: number): void => {
    const wait = gone.get(id);
    gone.delete(id);
    if (wait !== undefined) state.settle(wait, value);
  };
  /** In a later turn, as the real host does. */
  const later = (wait: number, value: Promise<number>): number => {
    void value.then((answer) => state.settle(wait, answer));
    return 3;
  };
  const respond = (id: number, status: number, headers: string, body: WireBody): void => {
    answers.get(id)?.({ status, headers, body });
    answers.delete(id);
  };
  const state = {
    logs,
    reports,
    pipes,
    calls: new Map<string, number>(),
    retained: 0,
    timersMax: 1_000,
    aborted: [] as number[],
    /** What the outside answers; tests replace it. */
    answer: (_request: Outbound): Answer | Promise<Answer> => ({ failed: 'outbound_denied: no' }),
    /** The guest's export, once it is there. */
    settle: (_wait: number, _value: number): unknown => undefined,
    goAway: (id: number) => ended(id, 1),
    requestEnded: (id: number) => ended(id, 0),
    /** The answer to request `id`, whose whole body the guest may take. */
    expect: (id: number, body: Uint8Array | undefined): Promise<WireMessage> => {
      if (body !== undefined) bodies.set(id, body);
      return new Promise((resolve) => answers.set(id, resolve));
    },
    /** Until no timer is left. */
    rest: async (): Promise<void> => {
      if (timers.size > 0 || firing > 0) await new Promise<void>((wake) => resting.push(wake));
    },
    newPipe(...chunks: Uint8Array[]): number {
      const pipe = new TestPipe();
      pipe.chunks.push(...chunks);
      const number = pipes.size + FIRST_PIPE;
      pipes.set(number, pipe);
      return number;
    },
    async readPipe(id: number): Promise<string> {
      const pipe = state.pipe(id);
      let text = '';
      while ((await pipe.ready()) === 1) text += Buffer.from(pipe.chunks.shift() ?? []).toString();
      if (pipe.ended === 'broken') throw new Error(pipe.error);
      return text;
    },
    pipe(id: number): TestPipe {
      const pipe = pipes.get(id);
      if (pipe === undefined) throw new Error(`no pipe ${id}`);
      return pipe;
    },
    imports: {},
  };
  const imports: Record<string, (...args: never[]) => unknown> = {
    config: () =>
      JSON.stringify({
        env: {},
        function: 'default/test',
        version: 1,
        node: 'n1',
        pop: 'fra',
        ...config,
      }),
    now: () => Date.now(),
    monotonic: () => Math.floor(performance.now()),
    random: (length: number) => new Uint8Array(randomBytes(length)),
    log: (level: string, message: string) => logs.push([level, message]),
    report: (message: string, stack: string) => reports.push([message, stack]),
    respond: (id: number, status: number, headers: string, text: string) =>
      respond(id, status, headers, text === '' ? { tag: 'none' } : { tag: 'text', val: text }),
    respondBytes: (id: number, status: number, headers: string, bytes: Uint8Array) =>
      respond(id, status, headers, { tag: 'bytes', val: bytes }),
    respondPipe: (id: number, status: number, headers: string, pipe: number) =>
      respond(id, status, headers, { tag: 'pipe', val: pipe }),
    bodyText: (id: number) =>
      new TextDecoder('utf-8', { ignoreBOM: true }).decode(bodies.get(id) ?? new Uint8Array(0)),
    bodyBytes: (id: number) => bodies.get(id) ?? new Uint8Array(0),
    timer: (wait: number, ms: number) => {
      if (timers.size >= state.timersMax) return 0;
      const run = async (): Promise<void> => {
        timers.delete(wait);
        firing++;
        await state.settle(wait, 1);
        firing--;
        if (timers.size === 0 && firing === 0) for (const wake of resting.splice(0)) wake();
      };
      timers.set(wait, setTimeout(run, ms));
      return 1;
    },
    timerCancel: (wait: number) => {
      clearTimeout(timers.get(wait));
      timers.delete(wait);
    },
    fetch: async (id: number, request: Omit<Outbound, 'id'>) => {
      const { promise, resolve } = Promise.withResolvers<Answer>();
      outbound.set(id, { answer: promise, abort: () => resolve({ failed: 'cancelled: aborted' }) });
      void Promise.resolve(state.answer({ id, ...request })).then(resolve);
      const answer = await promise;
      outbound.set(id, { answer: Promise.resolve(answer), abort: () => {} });
      taken.set(id, answer);
      state.settle(id, 1);
    },
    fetchTake: (id: number) => {
      const answer = taken.get(id);
      if (answer === undefined) throw new Error(`nothing to take for ${id}`);
      return 'failed' in answer
        ? { tag: 'failed', val: answer.failed }
        : { tag: 'ok', val: answer };
    },
    fetchAbort: (id: number) => {
      state.aborted.push(id);
      outbound.get(id)?.abort();
    },
    pipeOpen: () => state.newPipe(),
    pipeWrite: (wait: number, id: number, bytes: Uint8Array) => {
      const pipe = state.pipe(id);
      if (pipe.ended !== 'open') return 0;
      pipe.chunks.push(bytes);
      pipe.change();
      // With no bound on what a pipe holds, a guest that never waits would never end its turn.
      return later(wait, Promise.resolve(1));
    },
    pipeClose: (id: number, error: string) => {
      const pipe = state.pipe(id);
      pipe.ended = error === '' ? 'clean' : 'broken';
      pipe.error = error;
      pipe.change();
    },
    pipeReady: (wait: number, id: number) => later(wait, state.pipe(id).ready()),
    pipeTake: (id: number) => state.pipe(id).chunks.shift(),
    pipeCancel: (id: number) => {
      state.pipe(id).ended = 'cancelled';
      state.pipe(id).change();
    },
    gone: (wait: number, id: number) => {
      gone.set(id, wait);
    },
    retain: () => {
      state.retained++;
    },
    release: () => {
      state.retained--;
    },
    urlParse: (url: string, base: string) => part(URL.parse(url, base === '' ? undefined : base)),
    urlSet: (href: string, name: 'search', value: string) => {
      const url = new URL(href);
      url[name] = value;
      return part(url);
    },
    compress: () => 0,
    crypto: () => ({ tag: 'failed', val: 'NotSupportedError: not in this host' }),
    utf8Encode: (text: string) => new TextEncoder().encode(text),
    utf8Decode: (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
  };
  const taken = new Map<number, Answer>();
  state.imports = Object.fromEntries(
    Object.entries(imports).map(([name, run]) => [
      name,
      (...args: never[]) => {
        state.calls.set(name, (state.calls.get(name) ?? 0) + 1);
        return run(...args);
      },
    ]),
  );
  return state;
}
