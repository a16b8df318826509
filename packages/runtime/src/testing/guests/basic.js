// A guest of the `popmesh:function` door without any Web API layer: one path, one behaviour.
import host from 'popmesh:function/host@0.2.0';

let count = 0;
let lastWait = 0;
const waits = new Map();
const none = { tag: 'none' };
const text = (body, status = 200, headers = 'content-type: text/plain\n') => ({
  status,
  headers,
  body: { tag: 'text', val: String(body) },
});

/** Begins something with a number, and waits until that is settled. */
const waitFor = (begin) =>
  new Promise((resolve) => {
    const wait = ++lastWait;
    waits.set(wait, (value) => resolve([value, wait]));
    begin(wait);
  });
/** The same for what may be answered at once. */
const waitUnless = (begin) =>
  new Promise((resolve) => {
    const wait = ++lastWait;
    waits.set(wait, resolve);
    const answer = begin(wait);
    if (answer === 3) return;
    waits.delete(wait);
    resolve(answer);
  });
const sleep = (ms) => waitFor((wait) => host.timer(wait, ms));
const pipeReady = (pipe) => waitUnless((wait) => host.pipeReady(wait, pipe));
const pipeWrite = (pipe, bytes) => waitUnless((wait) => host.pipeWrite(wait, pipe, bytes));

async function readAll(pipe) {
  const parts = [];
  for (;;) {
    const state = await pipeReady(pipe);
    if (state === 0) return parts;
    if (state === 2) throw new Error('request body broke');
    parts.push(host.pipeTake(pipe));
  }
}

async function bodyLength(body) {
  if (body.tag === 'none') return 0;
  if (body.tag === 'bytes') return body.val.length;
  if (body.tag === 'text') return host.utf8Encode(body.val).length;
  let total = 0;
  for (const part of await readAll(body.val)) total += part.length;
  return total;
}

const routes = {
  '/hello': () => text('hello'),
  '/count': () => text(++count),
  '/config': () => text(host.config()),
  '/headers': (request) => text(request.headers),
  '/url': (request) => text(request.url),
  '/sleep': async (_request, url) => {
    const ms = Number(/ms=(\d+)/.exec(url)?.[1] ?? 50);
    await Promise.all([sleep(ms), sleep(ms)]);
    return text('slept');
  },
  '/stream': () => {
    const pipe = host.pipeOpen();
    (async () => {
      for (let i = 0; i < 5; i++) {
        await sleep(5);
        if (!(await pipeWrite(pipe, new Uint8Array([65 + i, 10])))) return;
      }
      host.pipeClose(pipe, '');
    })();
    return { status: 200, headers: '', body: { tag: 'pipe', val: pipe } };
  },
  '/endless': () => {
    const pipe = host.pipeOpen();
    const block = new Uint8Array(65536).fill(88);
    (async () => {
      while (await pipeWrite(pipe, block));
      host.log('info', 'endless stopped');
    })();
    return { status: 200, headers: '', body: { tag: 'pipe', val: pipe } };
  },
  '/broken': () => {
    const pipe = host.pipeOpen();
    (async () => {
      await pipeWrite(pipe, new Uint8Array([65]));
      host.pipeClose(pipe, 'it broke');
    })();
    return { status: 200, headers: '', body: { tag: 'pipe', val: pipe } };
  },
  '/echo': (request) => {
    if (request.body.tag !== 'pipe') return { status: 200, headers: '', body: request.body };
    const from = request.body.val;
    const to = host.pipeOpen();
    (async () => {
      for (;;) {
        const state = await pipeReady(from);
        if (state !== 1) return host.pipeClose(to, state === 0 ? '' : 'broken');
        if (!(await pipeWrite(to, host.pipeTake(from)))) return host.pipeCancel(from);
      }
    })();
    return { status: 200, headers: '', body: { tag: 'pipe', val: to } };
  },
  '/length': async (request) => text(await bodyLength(request.body)),
  '/fetch': async (_request, url) => {
    const target = decodeURIComponent(url.split('to=')[1]);
    const request = { method: 'GET', url: target, headers: '', body: none };
    const [, wait] = await waitFor((number) => host.fetch(number, request));
    const outcome = host.fetchTake(wait);
    if (outcome.tag === 'failed') return text(outcome.val, 502);
    const length = await bodyLength(outcome.val.body);
    return text(`${outcome.val.status} ${length}`);
  },
  '/gone': async (_request, _url, id) => {
    host.retain(id);
    const [answer] = await waitFor((wait) => host.gone(wait, id));
    host.log('info', `gone ${answer}`);
    host.release(id);
    return text('nobody sees this');
  },
  '/url-parse': () =>
    text(
      JSON.stringify([
        host.urlParse('../b?x=1#y', 'https://u:p@h:8080/a/c'),
        host.urlParse('::', ''),
        host.urlSet('http://a/', 'pathname', '/é'),
      ]),
    ),
  '/utf8': () =>
    text(
      JSON.stringify([[...host.utf8Encode('é')], host.utf8Decode(new Uint8Array([195, 169, 255]))]),
    ),
  '/random': () => text(`${host.random(16).length} ${host.now() > 1e12} ${host.monotonic() % 1}`),
  '/log': () => {
    host.log('warn', 'careful \u001b[31mred');
    return text('logged');
  },
  '/spam': () => {
    for (let i = 0; i < 5000; i++) host.log('info', 'x'.repeat(1000));
    return text('spammed');
  },
  '/loop': () => {
    for (;;);
  },
  '/loop-later': async () => {
    await sleep(10);
    for (;;);
  },
  '/burn': async (_request, url) => {
    const end = host.monotonic() + Number(url.split('ms=')[1]);
    while (host.monotonic() < end);
    return text('burnt');
  },
  '/recursion': () => {
    const deep = (n) => [deep(n + 1)];
    return text(deep(0));
  },
  '/memory': () => {
    const keep = [];
    for (;;) keep.push(new Uint8Array(1 << 20).fill(1));
  },
  '/throw': () => {
    throw new Error('boom');
  },
  '/report': () => {
    try {
      throw new TypeError('reported boom');
    } catch (error) {
      host.report(String(error), error.stack);
      throw error;
    }
  },
  '/caught': () => {
    host.report('Error: caught boom', 'at author.ts:1');
    return { status: 500, headers: 'popmesh-function-error: 1\n', body: none };
  },
  '/caught-memory': () => ({
    status: 500,
    headers: 'popmesh-function-error: memory\n',
    body: none,
  }),
  '/reject-later': () => {
    sleep(1).then(() => {
      throw new Error('nobody listens');
    });
    return text('ok');
  },
  '/trap-later': () => {
    sleep(5).then(() => host.timerCancel('no number'));
    return text('ok');
  },
  '/bad-header': () => text('x', 200, 'x-bad: a\rb: c\n'),
  '/bad-name': () => text('x', 200, 'x bad: a\n'),
  '/forbidden-header': () =>
    text('x', 200, 'connection: close\npopmesh-version: 9\ntransfer-encoding: chunked\nx-ok: 1\n'),
  '/bad-status': () => text('x', 99),
  '/bad-pipe': () => ({ status: 200, headers: '', body: { tag: 'pipe', val: 77 } }),
  '/big': (_request, url) => text('x'.repeat(Number(url.split('size=')[1]))),
  '/cookies': () => text('x', 200, 'set-cookie: a=1\nset-cookie: b=2\n'),
  '/no-content': () => ({ status: 204, headers: '', body: none }),
  '/escape': () => {
    const seen = [];
    for (const name of ['process', 'require', 'fetch', 'Deno', 'std', 'os', 'WebAssembly'])
      if (typeof globalThis[name] !== 'undefined') seen.push(name);
    return text(JSON.stringify(seen));
  },
};

/** What the engine takes for a promise, and settles at once. */
// biome-ignore lint/suspicious/noThenProperty: it is meant to be taken for a promise
const DONE = { then: (resolve) => resolve() };

function respond(id, { status, headers, body }) {
  if (body.tag === 'pipe') host.respondPipe(id, status, headers, body.val);
  else if (body.tag === 'bytes') host.respondBytes(id, status, headers, body.val);
  else host.respond(id, status, headers, body.tag === 'text' ? body.val : '');
}

const bodyOf = (id, body) => {
  if (body === 0) return none;
  return body === 1 ? { tag: 'bytes', val: host.bodyBytes(id) } : { tag: 'pipe', val: body };
};

export function handle(id, head, methodLength, urlLength, body) {
  const request = {
    method: head.slice(0, methodLength),
    url: head.slice(methodLength, methodLength + urlLength),
    headers: head.slice(methodLength + urlLength + 1),
    body: bodyOf(id, body),
  };
  const path = /^https?:\/\/[^/]+([^?]*)/.exec(request.url)?.[1] ?? '';
  const route = routes[path];
  const answer = route ? route(request, request.url, id) : text('not here', 404);
  if (!(answer instanceof Promise)) {
    respond(id, answer);
    return DONE;
  }
  answer.then(
    (response) => respond(id, response),
    // Nobody else would hear of it: a value of the wrong type is a trap, as a throw at once is.
    (error) => host.timerCancel(error),
  );
  return DONE;
}

export function settle(wait, value) {
  const run = waits.get(wait);
  waits.delete(wait);
  run?.(value);
  return DONE;
}
