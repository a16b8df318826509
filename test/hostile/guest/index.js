// One path per way in which a function can misbehave; `/` is the well-behaved neighbour.

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let shared;
const block = (bytes) => new Uint8Array(bytes).fill(88);

const ways = {
  '/': () => new Response('hello'),
  '/where': (_request, _url, env) => Response.json({ name: env.NAME ?? '' }),

  '/loop': () => {
    for (;;);
  },
  '/loop-after-wait': async () => {
    await sleep(5);
    for (;;);
  },
  '/microtasks': async () => {
    for (;;) await null;
  },
  '/regex': () => new Response(String(/^(a+)+$/.test(`${'a'.repeat(60)}!`))),
  '/timer-storm': () => {
    const again = () => {
      setTimeout(again, 0);
      setTimeout(again, 0);
    };
    again();
    return new Promise(() => {});
  },

  '/recursion': () => {
    const deep = (n) => 1 + deep(n + 1);
    return new Response(String(deep(0)));
  },
  '/json-depth': () => {
    const text = '['.repeat(200_000);
    return new Response(String(JSON.parse(text)));
  },
  '/memory-buffers': () => {
    const kept = [];
    for (;;) kept.push(block(1 << 20));
  },
  '/memory-one-buffer': () => new Response(new Uint8Array(new ArrayBuffer(2 ** 31 - 1))),
  '/memory-strings': () => {
    const kept = [];
    for (;;) kept.push(`${'x'.repeat(1 << 20)}${kept.length}`);
  },
  '/string-doubled': () => {
    let text = 'x';
    for (;;) text += `${text}${text.length}`;
  },
  '/memory-objects': () => {
    const kept = [];
    for (;;) kept.push({ a: kept.length, b: [kept.length] });
  },

  '/huge-text': (_request, url) =>
    new Response('x'.repeat(Number(url.searchParams.get('mb')) << 20)),
  '/huge-bytes': (_request, url) =>
    new Response(new Uint8Array(Number(url.searchParams.get('mb')) << 20)),
  '/huge-headers': () => {
    const headers = new Headers();
    for (let i = 0; i < 100; i++) headers.set(`x-${i}`, 'v'.repeat(8_000));
    return new Response('x', { headers });
  },
  '/endless-stream': () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(block(65_536));
        },
      }),
    ),
  '/drip': () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await sleep(20);
          controller.enqueue(block(10));
        },
      }),
    ),
  '/stream-throws': () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(block(10));
          throw new Error('in the middle');
        },
      }),
    ),
  '/stuck-stream': () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })),

  '/throw': () => {
    throw new Error('thrown on purpose');
  },
  '/throw-odd': () => {
    throw {
      toString: null,
      valueOf: null,
      get stack() {
        throw 1;
      },
      get message() {
        throw 2;
      },
    };
  },
  '/reject': () => Promise.reject(new TypeError('rejected on purpose')),
  '/not-a-response': () => ({ status: 200, body: 'x' }),
  '/unhandled': () => {
    Promise.reject(new Error('nobody handles this'));
    return new Response('answered');
  },
  '/unhandled-later': () => {
    setTimeout(() => {
      throw new Error('thrown from a timer');
    }, 1);
    return new Response('answered');
  },
  '/log-flood': () => {
    for (let i = 0; i < 20_000; i++) console.log(`line ${i} ${'y'.repeat(200)}`);
    return new Response('logged');
  },
  '/log-huge': () => {
    console.log('z'.repeat(8 << 20));
    return new Response('logged');
  },
  '/timers': async () => {
    let fired = 0;
    await Promise.all(Array.from({ length: 10_000 }, () => sleep(1).then(() => fired++)));
    return new Response(String(fired));
  },
  '/never': () => new Promise(() => {}),
  // What the first request waits for, others wait for, too: a cache that is being filled.
  '/shared': async (_request, url) => {
    shared ??= sleep(Number(url.searchParams.get('ms'))).then(() => 'shared');
    const value = await shared;
    await sleep(Number(url.searchParams.get('n')) * 20);
    return new Response(value + url.searchParams.get('n'));
  },
  '/sleep-long': async () => {
    await sleep(60_000);
    return new Response('late');
  },
  '/wait-until-forever': (_request, _url, _env, ctx) => {
    ctx.waitUntil(new Promise(() => {}));
    return new Response('answered');
  },
  '/gone': async (request) => {
    const done = new Promise((resolve) => request.signal.addEventListener('abort', resolve));
    console.log('waiting for the client to go');
    await done;
    console.log('cancelled: the client is gone');
    return new Response('nobody reads this');
  },
  '/read-all': async (request) => new Response(String((await request.arrayBuffer()).byteLength)),
  '/ignore-body': () => new Response('did not read'),

  '/fetch': async (request) => {
    const outcomes = [];
    for (const target of await request.json()) {
      try {
        const response = await fetch(target);
        outcomes.push(`answered ${response.status}: ${(await response.text()).slice(0, 80)}`);
      } catch (error) {
        outcomes.push(`refused: ${error.message}`);
      }
    }
    return Response.json(outcomes);
  },
  '/fetch-uncaught': async (request) => fetch(await request.text()),
  '/fetch-flood': async (request) => {
    const target = await request.text();
    const all = await Promise.allSettled(Array.from({ length: 200 }, () => fetch(target)));
    return Response.json(
      all.map((one) => (one.status === 'fulfilled' ? one.value.status : one.reason.message)),
    );
  },
  '/globals': () => {
    globalThis.Response = null;
    globalThis.Promise = null;
    // biome-ignore lint/suspicious/noThenProperty: being a nuisance is its purpose
    Object.prototype.then = (resolve) => resolve('polluted');
    return 1;
  },
};

export default {
  fetch(request, env, ctx) {
    const url = new URL(request.url);
    const way = ways[url.pathname];
    return way ? way(request, url, env, ctx) : new Response('no such way', { status: 404 });
  },
};
