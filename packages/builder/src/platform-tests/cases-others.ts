import { bytes, type Case, failure } from './cases.ts';

/** URLs, clones, blobs, forms, events, timers, streams, dates and random values. */

export const others: Record<string, Case> = {
  params: () => {
    const p = new URLSearchParams('?a=1&b=%F0%9F%98%80+x&a=%zz&c&=d&%ff=1');
    p.append('é', "~'()*!-._ ");
    p.delete('a', '1');
    p.set('c', '&=');
    p.sort();
    return [[...p], `${p}`, p.size, p.has('b'), p.has('b', 'no'), p.getAll('a'), p.get('zz')];
  },
  paramsFrom: () => [
    `${new URLSearchParams({ a: '1', b: '2' })}`,
    `${new URLSearchParams([
      ['a', 'b'],
      ['c', 'd'],
    ])}`,
    `${new URLSearchParams(new URLSearchParams('x=y'))}`,
    `${new URLSearchParams('??a=b')}`,
  ],
  urlParts: () => {
    const u = new URL('../x?y=1#z', 'https://user:pa%20ss@Example.com:8443/a/b/c');
    u.searchParams.append('k', 'v w');
    u.hash = '';
    u.port = '443';
    u.pathname = '/p q';
    const first = u.href;
    u.search = '?n=2';
    u.host = 'other.test:99';
    u.protocol = 'http';
    return [
      first,
      u.href,
      u.searchParams.get('n'),
      u.origin,
      u.username,
      JSON.stringify({ u }),
      `${u}`,
    ];
  },
  urlStatics: () => [
    URL.canParse('::'),
    URL.canParse('/x', 'http://a'),
    URL.parse('nope'),
    URL.parse('x:y')?.href,
    Object.prototype.toString.call(new URL('a:b')),
  ],
  clone: () => {
    const cyclic: Record<string, unknown> = {
      a: [1, undefined, 'x'],
      d: new Date(5),
      m: new Map([['k', new Set([1])]]),
    };
    cyclic.self = cyclic;
    cyclic.b = bytes(1, 2).subarray(1);
    cyclic.r = /x/gi;
    const copy = structuredClone(cyclic) as Record<string, unknown>;
    const error = structuredClone(new RangeError('no', { cause: 1 }));
    return [
      copy.self === copy,
      copy.a,
      (copy.d as Date).getTime(),
      [...(copy.m as Map<string, Set<number>>)].map(([k, s]) => [k, [...s]]),
      [...(copy.b as Uint8Array)],
      String(copy.r),
      [error.name, error.message, error.cause, error instanceof RangeError],
    ];
  },
  cloneRefused: () =>
    Promise.all([
      failure(() => structuredClone(() => 1)),
      failure(() => structuredClone({ a: Symbol('x') })),
    ]),
  transfer: () => {
    const buffer = new ArrayBuffer(4);
    const { byteLength } = structuredClone(buffer, { transfer: [buffer] });
    return [byteLength, buffer.byteLength];
  },
  blobs: async () => {
    const blob = new Blob(['hello ', new Blob(['wörld'])], { type: 'A/B' });
    const file = new File([blob], 'x.txt', { lastModified: 7 });
    return [
      blob.size,
      await blob.slice(1, -2, 'c/d').text(),
      blob.slice(-3).size,
      blob.slice(4, 2).size,
      blob.slice(0, 1, 'X/Y').type,
      [file.name, file.lastModified, file.type, file instanceof Blob],
      await new Response(blob.stream()).text(),
    ];
  },
  form: () => {
    const form = new FormData();
    form.append('a', 1 as never);
    form.append('a', '2');
    form.append('b', '3');
    form.set('a', '4');
    return [[...form], form.has('b'), form.get('none'), form.getAll('a')];
  },
  events: () => {
    const seen: unknown[] = [];
    const target = new EventTarget();
    const listener = (event: Event): void => void seen.push(event.type, event.target === target);
    target.addEventListener('x', listener);
    target.addEventListener('x', listener);
    target.addEventListener('x', { handleEvent: (e) => e.preventDefault() }, { once: true });
    const controller = new AbortController();
    target.addEventListener('x', () => seen.push('signal'), { signal: controller.signal });
    seen.push(target.dispatchEvent(new CustomEvent('x', { cancelable: true, detail: 1 })));
    controller.abort();
    target.removeEventListener('y', listener);
    seen.push(target.dispatchEvent(new Event('x', { cancelable: true })));
    return [seen, new CustomEvent('x', { detail: { a: 1 } }).detail];
  },
  stopped: () => {
    const seen: number[] = [];
    const target = new EventTarget();
    target.addEventListener('x', (event) => {
      seen.push(1);
      event.stopImmediatePropagation();
    });
    target.addEventListener('x', () => seen.push(2));
    target.dispatchEvent(new Event('x'));
    return seen;
  },
  abort: async () => {
    const controller = new AbortController();
    const any = AbortSignal.any([controller.signal, new AbortController().signal]);
    const seen: unknown[] = [];
    any.addEventListener('abort', () => seen.push('event'));
    controller.signal.onabort = () => seen.push('on');
    controller.abort();
    controller.abort('again');
    return [
      seen,
      any.aborted,
      (any.reason as Error).name,
      any.reason === controller.signal.reason,
      AbortSignal.abort(5).reason,
      await failure(() => any.throwIfAborted()),
      await failure(() => new (AbortSignal as never as new () => object)()),
    ];
  },
  timeout: async () => {
    const signal = AbortSignal.timeout(5);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return (signal.reason as Error).name;
  },
  timers: async () => {
    const seen: unknown[] = [];
    const none = setTimeout(() => seen.push('never'), 1);
    clearTimeout(none);
    await new Promise<void>((resolve) => {
      let count = 0;
      const interval = setInterval(
        (label: string) => {
          seen.push(label);
          if (++count === 3) {
            clearInterval(interval);
            setTimeout(resolve, 5);
          }
        },
        1,
        'tick',
      );
    });
    queueMicrotask(() => seen.push('micro'));
    await null;
    return [seen, await failure(() => setTimeout('x' as never))];
  },
  streams: async () => {
    const upper = new TransformStream<string, string>({
      transform: (chunk, controller) => controller.enqueue(chunk.toUpperCase()),
    });
    const source = ReadableStream.from(['a', 'b']) as ReadableStream<string>;
    const seen: string[] = [];
    await source.pipeThrough(upper).pipeTo(new WritableStream({ write: (c) => void seen.push(c) }));
    return seen;
  },
  byob: async () => {
    const body = new Response(bytes(1, 2, 3, 4)).body as ReadableStream<Uint8Array>;
    const reader = body.getReader({ mode: 'byob' });
    const first = await reader.read(new Uint8Array(3));
    return [[...(first.value ?? [])], first.done];
  },
  dates: () => [
    Date.now() > 1.7e12,
    new Date() instanceof Date,
    typeof (Date as never as () => string)(),
    new Date(0).toISOString(),
    Date.UTC(2020, 1),
    new (class extends Date {})(5).getTime(),
    [new Date()].every((now) => now.getTime() > 1.7e12),
    Date.length,
    structuredClone(new Date(3)).getTime(),
  ],
  random: () => {
    const numbers = Array.from({ length: 50 }, () => Math.random());
    const a = crypto.getRandomValues(new Uint8Array(16));
    return [
      numbers.every((n) => n >= 0 && n < 1),
      new Set(numbers).size,
      a.some((byte) => byte !== 0),
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(
        crypto.randomUUID(),
      ),
      new Set(Array.from({ length: 200 }, () => crypto.randomUUID())).size,
    ];
  },
  randomRefused: () =>
    Promise.all([
      failure(() => crypto.getRandomValues(new Uint8Array(65537))),
      failure(() => crypto.getRandomValues(new Float32Array(1) as never)),
    ]),
  globals: () => [
    'self' in globalThis || 'process' in globalThis,
    Object.keys(globalThis).includes('Request'),
    performance.now() > 0,
    [Request, Response, Headers, URL, FormData, Blob, AbortSignal].map((c) => c.name),
  ],
};
