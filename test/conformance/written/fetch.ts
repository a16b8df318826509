import { outcome } from '../areas/area.ts';
import type { Programs } from './programs.ts';

/** Headers and Request, rule by rule. */

const URL_ = 'http://a.test/';
const request = (init?: RequestInit): Request => new Request(URL_, init);
const streamOf = (text: string): ReadableStream =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });

export const headersPrograms: Programs = {
  'names are put in order and in lower case': () => [
    ...new Headers({ 'X-B': '2', 'x-a': '1', C: '3' }),
  ],
  'append joins with a comma': () => {
    const it = new Headers({ a: '1' });
    it.append('A', '2');
    it.append('a', '');
    return [it.get('a'), [...it]];
  },
  'set-cookie is never joined': () => {
    const it = new Headers([
      ['set-cookie', 'a=1'],
      ['b', 'x'],
      ['Set-Cookie', 'c=2'],
    ]);
    return [it.get('set-cookie'), it.getSetCookie(), [...it]];
  },
  'set-cookie: set replaces all of them': () => {
    const it = new Headers([
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
    ]);
    it.set('set-cookie', 'c');
    return it.getSetCookie();
  },
  'set-cookie: delete takes all of them': () => {
    const it = new Headers([
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
    ]);
    it.delete('SET-COOKIE');
    return [it.has('set-cookie'), it.getSetCookie()];
  },
  'values are trimmed': () => new Headers({ a: ' \t x \r\n' }).get('a'),
  'null is the word': () =>
    new Headers({ a: null as unknown as string, b: undefined as unknown as string }).get('a'),
  'get of what is not there': () => [new Headers().get('x'), new Headers().has('x')],
  'a change while it is walked': () => {
    const it = new Headers({ a: '1', c: '3' });
    const seen: string[] = [];
    for (const [name] of it) {
      seen.push(name);
      if (name === 'a') it.set('b', '2');
    }
    return seen;
  },
  'a removal while it is walked': () => {
    const it = new Headers({ a: '1', b: '2', c: '3' });
    const seen: string[] = [];
    for (const [name] of it) {
      seen.push(name);
      it.delete(name);
    }
    return seen;
  },
  'forEach: value, name, itself': () => {
    const log: unknown[] = [];
    const it = new Headers({ a: '1' });
    it.forEach(function (this: unknown, value, name, all) {
      log.push([value, name, all === it, this]);
    }, 'me');
    return log;
  },
  'from headers': () => [...new Headers(new Headers({ a: '1' }))],
  'from anything that can be walked': () => [
    ...new Headers(new Map([['a', '1']]) as unknown as [string, string][]),
  ],
  'from a generator': () => [
    ...new Headers(
      (function* () {
        yield ['a', '1'];
      })() as unknown as [string, string][],
    ),
  ],
  'from what is not': async () => [
    await outcome(() => [...new Headers('a' as never)]),
    await outcome(() => [...new Headers(1 as never)]),
    await outcome(() => [...new Headers(null as never)]),
    await outcome(() => [...new Headers([['a']] as never)]),
    await outcome(() => [...new Headers([['a', 'b', 'c']] as never)]),
  ],
  'symbols in a record': () =>
    outcome(() => [...new Headers({ [Symbol.iterator]: undefined, a: 'b' } as never)]),
  'wrong names': async () =>
    await Promise.all(
      ['', ' ', 'a b', 'a:b', 'é', 'a\n', '(a)', '"'].map((name) =>
        outcome(() => new Headers([[name, 'x']])),
      ),
    ),
  'wrong values': async () =>
    await Promise.all(
      ['a\nb', 'a\0b', '\u0100', 'a\rb'].map((value) => outcome(() => new Headers({ a: value }))),
    ),
  'bytes above ASCII in a value': () => new Headers({ a: '\xff\x80' }).get('a'),
  'wrong names in get, has and delete': async () => {
    const it = new Headers();
    return [
      await outcome(() => it.get('')),
      await outcome(() => it.has('a b')),
      await outcome(() => it.delete('é')),
    ];
  },
  'those of a response that came cannot change': () =>
    outcome(() => Response.error().headers.set('a', 'b')),
  'those of a redirect cannot change': () =>
    outcome(() => Response.redirect(URL_).headers.append('a', 'b')),
  'keys, values and entries are iterators': () => {
    const it = new Headers({ a: '1' });
    return [
      it.keys().next(),
      it.values().next(),
      it.entries().next(),
      it[Symbol.iterator] === it.entries,
    ];
  },
  'its name': () => [Object.prototype.toString.call(new Headers()), Headers.name, Headers.length],
};

export const requestPrograms: Programs = {
  'methods that are put in capitals': () =>
    ['get', 'post', 'put', 'delete', 'head', 'options', 'patch', 'custom'].map(
      (method) => new Request(URL_, { method }).method,
    ),
  'methods that are refused': async () =>
    await Promise.all(
      ['CONNECT', 'trace', 'TRACK', '', 'a b', 'é'].map((method) =>
        outcome(() => request({ method }).method),
      ),
    ),
  'a body on GET and HEAD': async () => [
    await outcome(() => request({ body: 'x' })),
    await outcome(() => request({ method: 'HEAD', body: 'x' })),
    await outcome(() => request({ method: 'GET', body: null }).method),
  ],
  'a stream needs duplex': async () => [
    await outcome(() => request({ method: 'POST', body: streamOf('x') })),
    await outcome(
      () => request({ method: 'POST', body: streamOf('x'), duplex: 'half' } as RequestInit).method,
    ),
  ],
  'a URL with a password': () => outcome(() => new Request('http://a:b@c.test/')),
  'a URL that is not one': () => outcome(() => new Request('/x')),
  'a URL loses nothing but its case': () => new Request('HTTP://A.test:80/b?c#d').url,
  'content-type by body': async () =>
    [
      'text',
      new URLSearchParams('a=b'),
      new Blob(['x'], { type: 'x/y' }),
      new Blob(['x']),
      new Uint8Array(1),
    ].map((body) => request({ method: 'POST', body }).headers.get('content-type')),
  'content-type of a form': () =>
    /^multipart\/form-data; ?boundary=/.test(
      request({ method: 'POST', body: new FormData() }).headers.get('content-type') ?? '',
    ),
  'a content-type that was given stays': () =>
    request({ method: 'POST', body: 'x', headers: { 'content-type': 'a/b' } }).headers.get(
      'content-type',
    ),
  'what it says of itself': () => {
    const it = request();
    return [
      it.cache,
      it.credentials,
      it.destination,
      it.integrity,
      it.keepalive,
      it.mode,
      it.redirect,
      it.referrer,
      it.referrerPolicy,
      it.bodyUsed,
      it.body,
    ];
  },
  'of another one: all but the body': async () => {
    const first = new Request(URL_, {
      method: 'PUT',
      headers: { a: 'b' },
      body: 'text',
      redirect: 'manual',
    });
    const second = new Request(first, { method: 'POST' });
    return [
      second.method,
      second.headers.get('a'),
      second.redirect,
      first.bodyUsed,
      await second.text(),
    ];
  },
  'of another one with its own body': async () => {
    const first = new Request(URL_, { method: 'POST', body: 'one' });
    const second = new Request(first, { body: 'two' });
    return [await second.text(), first.bodyUsed, await outcome(() => first.text())];
  },
  'of one that was read': async () => {
    const first = new Request(URL_, { method: 'POST', body: 'one' });
    await first.text();
    return [await outcome(() => new Request(first)), await outcome(() => first.clone())];
  },
  'headers that are given replace': () => [
    ...new Request(new Request(URL_, { headers: { a: '1' } }), { headers: { b: '2' } }).headers,
  ],
  'clone: both can be read': async () => {
    const it = new Request(URL_, {
      method: 'POST',
      body: streamOf('abc'),
      duplex: 'half',
    } as RequestInit);
    const copy = it.clone();
    return [await it.text(), await copy.text()];
  },
  'clone: headers of their own': () => {
    const it = request({ headers: { a: '1' } });
    const copy = it.clone();
    copy.headers.set('a', '2');
    return it.headers.get('a');
  },
  'reading twice': async () => {
    const it = new Request(URL_, { method: 'POST', body: 'x' });
    return [await it.text(), it.bodyUsed, await outcome(() => it.text())];
  },
  'reading nothing, twice': async () => [
    await request().text(),
    request().bodyUsed,
    (await request().arrayBuffer()).byteLength,
  ],
  'wrong JSON': () => outcome(() => new Request(URL_, { method: 'POST', body: '{' }).json()),
  'redirect modes': async () =>
    await Promise.all(
      ['follow', 'error', 'manual', 'x'].map((redirect) =>
        outcome(() => request({ redirect } as RequestInit).redirect),
      ),
    ),
  'a window or a navigation': async () => [
    await outcome(() => request({ window: 'x' } as unknown as RequestInit)),
    await outcome(() => request({ mode: 'navigate' } as RequestInit)),
  ],
  'without a URL': () => outcome(() => new (Request as unknown as new () => Request)()),
};
