import { errorName, outcome } from '../areas/area.ts';
import type { Programs } from './programs.ts';

/** Response, rule by rule. */

const streamOf = (text: string): ReadableStream =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });

export const responsePrograms: Programs = {
  'what it says of itself': () => {
    const it = new Response();
    return [
      it.status,
      it.statusText,
      it.ok,
      it.type,
      it.url,
      it.redirected,
      it.body,
      it.bodyUsed,
      [...it.headers],
    ];
  },
  'statuses that are refused': async () =>
    await Promise.all(
      [0, 100, 199, 600, 1000, Number.NaN].map((status) =>
        outcome(() => new Response(null, { status })),
      ),
    ),
  'statuses without a body': async () =>
    await Promise.all(
      [101, 204, 205, 304].map((status) => outcome(() => new Response('x', { status }))),
    ),
  'a null body under those': async () =>
    await Promise.all(
      [204, 205, 304].map((status) => outcome(() => new Response(null, { status }).status)),
    ),
  'status texts': async () =>
    await Promise.all(
      ['', 'OK', 'é', 'a\nb', '\u0100'].map((statusText) =>
        outcome(() => new Response(null, { statusText }).statusText),
      ),
    ),
  error: () => {
    const it = Response.error();
    return [it.type, it.status, it.ok, it.body, it.statusText];
  },
  'redirect: its statuses': async () =>
    await Promise.all(
      [300, 301, 302, 303, 304, 307, 308].map((status) =>
        outcome(() => [...Response.redirect('http://b.test/', status as 301).headers]),
      ),
    ),
  'redirect: what is no URL': () => outcome(() => Response.redirect('http://')),
  'json: its type, and a given one': () => [
    Response.json({}).headers.get('content-type'),
    Response.json({}, { headers: { 'content-type': 'a/b' } }).headers.get('content-type'),
  ],
  'json: what has no JSON': async () => [
    await outcome(() => Response.json(undefined)),
    await outcome(() => Response.json(1n)),
    await outcome(() => Response.json(Symbol('x'))),
    await outcome(() => Response.json(() => {})),
  ],
  'json: 204 is refused': () => outcome(() => Response.json({}, { status: 204 })),
  'text leaves a byte order mark out': async () => [
    await new Response(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)).text(),
    await new Response(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31)).json(),
  ],
  'text replaces what is no UTF-8': async () =>
    await new Response(Uint8Array.of(0x61, 0xff, 0x62)).text(),
  'a stream of text is refused when it is read': async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue('text');
        controller.close();
      },
    });
    return await outcome(() => new Response(body).text());
  },
  'a stream that fails': async () => {
    const body = new ReadableStream({
      pull: (controller) => controller.error(new RangeError('r')),
    });
    return await outcome(() => new Response(body).arrayBuffer());
  },
  'a stream that was read or locked': async () => {
    const locked = streamOf('x');
    locked.getReader();
    const read = streamOf('y');
    for await (const _ of read as unknown as AsyncIterable<unknown>);
    return [await outcome(() => new Response(locked)), await outcome(() => new Response(read))];
  },
  'a body that is locked cannot be read or cloned': async () => {
    const it = new Response('abc');
    it.body?.getReader();
    return [it.bodyUsed, await outcome(() => it.text()), await outcome(() => it.clone())];
  },
  'a body that was cancelled was used': async () => {
    const it = new Response('abc');
    await it.body?.cancel();
    return [it.bodyUsed, await outcome(() => it.text())];
  },
  'body is always the same stream': () => {
    const it = new Response('abc');
    const first = it.body;
    return it.body === first;
  },
  'body is a stream of bytes': async () => {
    const reader = new Response('abc').body?.getReader({ mode: 'byob' });
    return await reader?.read(new Uint8Array(2));
  },
  'clone: the stream goes to both': async () => {
    const it = new Response(streamOf('abc'));
    const copy = it.clone();
    return [await copy.text(), await it.text()];
  },
  'clone: of a used one': async () => {
    const it = new Response('x');
    await it.text();
    return await outcome(() => it.clone());
  },
  bytes: async () => await new Response('é').bytes(),
  'blob: type by content-type': async () => {
    const blob = await new Response('x', { headers: { 'content-type': 'Text/Plain; x=Y' } }).blob();
    return [blob.type, blob.size];
  },
  'formData: of a query': async () => [
    ...(await new Response(new URLSearchParams('a=1&b=%20&a=2')).formData()),
  ],
  'formData: of another type': async () => await outcome(() => new Response('x').formData()),
  'formData: a file': async () => {
    const form = new FormData();
    form.append('f', new File(['content'], 'näme "q".txt', { type: 'a/b' }));
    const file = (await new Response(form).formData()).get('f') as File;
    return [file instanceof File, file.name, file.type, await file.text()];
  },
  'bodies by type': async () =>
    await Promise.all(
      [1, true, {}, [1, 2], null, undefined, new Uint16Array([258])].map(
        async (body) => await new Response(body as never).text(),
      ),
    ),
  'arrayBuffer is a copy': async () => {
    const bytes = Uint8Array.of(1, 2);
    const it = new Response(bytes);
    bytes[0] = 9;
    return new Uint8Array(await it.arrayBuffer());
  },
  'reading is a promise, even of what is wrong': async () => {
    const it = new Response('x');
    await it.text();
    const again = it.text();
    return [again instanceof Promise, await again.catch(errorName)];
  },
};
