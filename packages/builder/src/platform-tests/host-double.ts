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
  const timers = new Map<number, () => void>();
  const outbound = new Map<number, { answer: Promise<Answer>; abort: () => void }>();
  const gone = new Map<number, (state: number) => void>();
  const state = {
    logs,
    reports,
    pipes,
    calls: new Map<string, number>(),
    retained: 0,
    aborted: [] as number[],
    /** What the outside answers; tests replace it. */
    answer: (_request: Outbound): Answer | Promise<Answer> => ({ failed: 'outbound_denied: no' }),
    goAway: (id: number) => gone.get(id)?.(1),
    requestEnded: (id: number) => gone.get(id)?.(0),
    newPipe(...chunks: Uint8Array[]): number {
      const pipe = new TestPipe();
      pipe.chunks.push(...chunks);
      pipes.set(pipes.size + 1, pipe);
      return pipes.size;
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
    timer: (id: number, ms: number) =>
      new Promise<number>((resolve) => {
        const end = (answer: number): void => {
          clearTimeout(timer);
          timers.delete(id);
          resolve(answer);
        };
        const timer = setTimeout(end, ms, 1);
        timers.set(id, () => end(0));
        // A wait that only the guest ends must not keep the tests from ending.
        if (ms > 60_000) timer.unref();
      }),
    timerCancel: (id: number) => timers.get(id)?.(),
    fetch: async (id: number, request: Omit<Outbound, 'id'>) => {
      const { promise, resolve } = Promise.withResolvers<Answer>();
      outbound.set(id, { answer: promise, abort: () => resolve({ failed: 'cancelled: aborted' }) });
      void Promise.resolve(state.answer({ id, ...request })).then(resolve);
      const answer = await promise;
      outbound.set(id, { answer: Promise.resolve(answer), abort: () => {} });
      taken.set(id, answer);
      return 1;
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
    pipeWrite: async (id: number, bytes: Uint8Array) => {
      const pipe = state.pipe(id);
      if (pipe.ended !== 'open') return 0;
      pipe.chunks.push(bytes);
      pipe.change();
      return 1;
    },
    pipeClose: (id: number, error: string) => {
      const pipe = state.pipe(id);
      pipe.ended = error === '' ? 'clean' : 'broken';
      pipe.error = error;
      pipe.change();
    },
    pipeReady: (id: number) => state.pipe(id).ready(),
    pipeTake: (id: number) => state.pipe(id).chunks.shift(),
    pipeCancel: (id: number) => {
      state.pipe(id).ended = 'cancelled';
      state.pipe(id).change();
    },
    gone: (id: number) => new Promise<number>((resolve) => gone.set(id, resolve)),
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
