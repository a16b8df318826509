/** Inside the guest: one path, one way of dealing with the host. The top level runs at build time. */

const attempt = (run: () => unknown): string => {
  try {
    return String(run());
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
};

const topUrl = new URL('../b?c=d', 'HTTPS://Example.com:443/x/y/z');
const early = new URL('https://exämple.com/ä');
const atBuildTime = {
  url: topUrl.href,
  query: topUrl.searchParams.get('c'),
  text: new TextDecoder().decode(new TextEncoder().encode('é€')),
  malformed: new TextDecoder().decode(new Uint8Array([97, 0xff])),
  date: Date.now(),
  random: Math.random(),
  uuid: attempt(() => crypto.randomUUID()),
  timer: attempt(() => setTimeout(() => {}, 1)),
  header: new Headers({ a: 'b' }).get('a'),
  response: new Response('x').status,
};
console.log('nobody reads this');

let seenEnv: unknown;
const encoder = new TextEncoder();
let shared: Promise<string> | undefined;
let letGo = (): void => {};
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Point {
  x = 1;
}

interface Context {
  waitUntil(work: Promise<unknown>): void;
  passThroughOnException(): void;
}
type Route = (request: Request, env: Record<string, string>, ctx: Context) => unknown;

const routes: Record<string, Route> = {
  '/top': () => Response.json({ ...atBuildTime, early: early.href, again: Math.random() }),
  // The first request fills what the others wait for.
  '/shared': async () => {
    shared ??= sleep(20).then(() => 'shared');
    const value = await shared;
    await sleep(1);
    return new Response(value);
  },
  // Waits for nothing of its own, until another request ends it.
  '/held': () =>
    new Promise((resolve) => {
      letGo = () => resolve(new Response('let go'));
    }),
  '/let-go': () => {
    letGo();
    return new Response('done');
  },
  '/exhaust': () => new Response(new Uint8Array(2 ** 31 - 1)),
  '/env': (_request, env) => {
    const same = seenEnv === undefined || seenEnv === env;
    seenEnv = env;
    return new Response(`${env.GREETING} ${same} ${Object.isFrozen(env)}`);
  },
  '/text': async (request) => new Response(await request.text()),
  '/json': async (request) => Response.json(await request.json()),
  '/echo': (request) =>
    new Response(request.body, { headers: { 'x-used': `${request.bodyUsed}` } }),
  '/count': async (request) => {
    let count = 0;
    for await (const chunk of request.body as ReadableStream<Uint8Array>) count += chunk.length;
    return new Response(`${count}`);
  },
  '/clone': async (request) => {
    const copy = request.clone();
    return new Response((await request.text()) + (await copy.text()));
  },
  '/request': (request) => Response.json([request.method, request.url, [...request.headers]]),
  '/immutable': (request) => new Response(attempt(() => request.headers.set('a', 'b'))),
  '/mutable': (request) => {
    const mine = new Request(request);
    mine.headers.set('added', '1');
    return Response.json([...mine.headers]);
  },
  '/stream': () => {
    let left = 3;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await sleep(1);
          controller.enqueue(encoder.encode(`part ${left} `));
          if (--left === 0) controller.close();
        },
      }),
    );
  },
  '/broken': () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(encoder.encode('start')),
        pull: () => Promise.reject(new Error('half way')),
      }),
    ),
  '/endless': (_request, _env, ctx) => {
    let cancelled = (_reason: unknown): void => {};
    ctx.waitUntil(
      new Promise((resolve) => {
        cancelled = resolve;
      }).then((reason) => console.log('cancelled', (reason as Error).name)),
    );
    return new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(10)),
        cancel: (reason) => cancelled(reason),
      }),
    );
  },
  '/generator': () => {
    async function* parts() {
      yield encoder.encode('a');
      yield encoder.encode('b');
    }
    return new Response(parts() as never);
  },
  '/throw': () => {
    throw new RangeError('boom');
  },
  '/reject': async () => {
    await sleep(1);
    throw new TypeError('later', { cause: new Error('deeper') });
  },
  '/throw-text': () => {
    throw 'just text';
  },
  '/nothing': () => undefined,
  '/object': () => ({ status: 200 }),
  '/error-response': () => Response.error(),
  '/reused': async (request) => {
    const response = new Response('x');
    await response.text();
    void request;
    return response;
  },
  '/wait': (_request, _env, ctx) => {
    ctx.passThroughOnException();
    ctx.waitUntil(sleep(1).then(() => console.log('done')));
    ctx.waitUntil(Promise.reject(new Error('background')));
    return new Response('early');
  },
  '/listener': () => {
    const target = new EventTarget();
    target.addEventListener('x', () => {
      throw new Error('in a listener');
    });
    setTimeout(() => {
      throw new Error('in a timer');
    }, 1);
    target.dispatchEvent(new Event('x'));
    return sleep(5).then(() => new Response('ok'));
  },
  '/too-many-timers': () => {
    const ids: number[] = [];
    const refused = attempt(() => {
      for (;;) ids.push(setTimeout(() => {}, 10_000) as unknown as number);
    });
    for (const id of ids) clearTimeout(id);
    return new Response(`${ids.length} ${refused}`);
  },
  '/async-callbacks': () => {
    setTimeout(async () => {
      throw new Error('in an async timer');
    }, 1);
    const target = new EventTarget();
    target.addEventListener('x', async () => {
      throw new Error('in an async listener');
    });
    target.dispatchEvent(new Event('x'));
    return sleep(5).then(() => new Response('ok'));
  },
  '/microtasks': () => {
    queueMicrotask(() => {
      throw new Error('in a microtask');
    });
    queueMicrotask(async () => {
      throw new Error('in an async microtask');
    });
    return sleep(5).then(() => new Response(attempt(() => queueMicrotask(1 as never))));
  },
  '/finalizer': async () => {
    const registry = new FinalizationRegistry((held) => {
      throw new Error(`in a finalizer of ${held}`);
    });
    (() => registry.register({}, 'something'))();
    await sleep(1);
    return new Response(`${registry instanceof FinalizationRegistry} ${String(registry)}`);
  },
  '/sleep': async () => {
    await sleep(20);
    return new Response('slept');
  },
  '/gone': async (request) => {
    await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
    return new Response((request.signal.reason as Error).name);
  },
  '/console': () => {
    console.log('a %s b %d %j', 'x', 4.5, { k: 1 }, 'rest', [1, 'two', { three: 3n }]);
    console.warn(new Map([['k', new Set([1])]]), null, undefined, Symbol('s'), -0);
    console.error({
      nested: { deep: { deeper: { deepest: 1 } } },
      f() {},
      get g() {
        return 1;
      },
    });
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    console.debug(loop, new Headers({ a: 'b' }), new URL('http://a.test/'), Point, new Point());
    console.info('one\ud800', new Error('seen').message);
    console.group('in');
    console.table([{ a: 1, b: 'x' }]);
    console.groupEnd();
    console.assert(false, 'claim');
    console.count();
    return new Response('ok');
  },
  '/fetch': async () => {
    const response = await fetch('https://api.test/data', { headers: { 'x-a': '1' } });
    return Response.json([
      response.status,
      response.url,
      response.redirected,
      [...response.headers],
      await response.text(),
    ]);
  },
  '/fetch-failed': async () => {
    const error = await fetch('https://api.test/').catch((caught: unknown) => caught);
    const { name, message, code } = error as Error & { code: string };
    return Response.json([name, message, code]);
  },
  '/fetch-manual': () => fetch('https://api.test/', { redirect: 'manual' }),
  '/fetch-abort': async () => {
    const error = await fetch('https://api.test/', { signal: AbortSignal.timeout(5) }).catch(
      (e: unknown) => e,
    );
    return new Response((error as Error).name);
  },
  '/fetch-upload': async (request) => {
    const upper = new TransformStream<Uint8Array, Uint8Array>();
    const response = await fetch('https://api.test/up', {
      method: 'POST',
      body: request.body?.pipeThrough(upper) ?? null,
      duplex: 'half',
    });
    return new Response(await response.text());
  },
  '/fetch-form': async () => {
    const body = new FormData();
    body.set('a', 'b');
    await fetch('https://api.test/form', { method: 'POST', body });
    return new Response('sent');
  },
  '/proxy': async (request) => {
    const response = await fetch(new Request('https://api.test/proxied', request));
    return new Response(response.body, response);
  },
};

export default {
  fetch(request: Request, env: Record<string, string>, ctx: Context): unknown {
    return routes[new URL(request.url).pathname]?.(request, env, ctx);
  },
};
