/**
 * What both Node and the guest must answer alike: each case runs in both, and the two
 * JSON answers are compared. So Node's implementations are the expectation, not our memory.
 */

export type Case = () => unknown;
const show = (headers: Headers): unknown => [...headers];
export const failure = async (run: () => unknown): Promise<string> => {
  try {
    await run();
    return 'no error';
  } catch (error) {
    return error instanceof DOMException ? error.name : (error as Error).constructor.name;
  }
};
export const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);
const streamOf = (...chunks: Uint8Array[]): ReadableStream =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

export const headers: Record<string, Case> = {
  sorted: () => show(new Headers({ b: '1', A: '2', 'content-type': 'x' })),
  combined: () => {
    const h = new Headers([
      ['a', '1'],
      ['A', ' 2\t'],
    ]);
    h.append('set-cookie', 'x=1');
    h.append('Set-Cookie', 'y=2');
    return [
      show(h),
      h.get('a'),
      h.get('set-cookie'),
      h.getSetCookie(),
      [...h.keys()],
      [...h.values()],
    ];
  },
  replaced: () => {
    const h = new Headers({ a: '1', b: '2' });
    h.set('A', '3');
    h.delete('B');
    return [show(h), h.has('a'), h.has('b'), h.get('b')];
  },
  copied: () => {
    const from = new Headers({ a: '1', 'set-cookie': 'c' });
    const copy = new Headers(from);
    copy.append('a', '2');
    return [show(from), show(copy)];
  },
  refused: () =>
    Promise.all([
      failure(() => new Headers({ 'a b': '1' })),
      failure(() => new Headers({ '': '1' })),
      failure(() => new Headers({ a: 'x\ny' })),
      failure(() => new Headers({ a: '\u0100' })),
      failure(() => new Headers([['a']] as never)),
      failure(() => new Headers('x' as never)),
      failure(() => new Headers(null as never)),
    ]),
  latin: () => show(new Headers({ a: '\xe9', b: '', c: '  ' })),
  forEach: () => {
    const seen: unknown[] = [];
    new Headers({ x: '1', a: '2' }).forEach((value, name) => {
      seen.push([name, value]);
    });
    return seen;
  },
  iterates: () => {
    const h = new Headers({ a: '1' });
    const seen: unknown[] = [];
    for (const [name] of h) {
      seen.push(name);
      if (name === 'a') h.set('b', '2');
    }
    return [seen, Object.prototype.toString.call(h), Object.keys(h), JSON.stringify(h)];
  },
};

export const messages: Record<string, Case> = {
  text: async () => {
    const r = new Response('héllo');
    return [
      r.status,
      r.ok,
      r.statusText,
      r.type,
      r.bodyUsed,
      show(r.headers),
      await r.text(),
      r.bodyUsed,
    ];
  },
  twice: async () => {
    const r = new Response('x');
    await r.text();
    return [await failure(() => r.text()), await failure(() => r.clone()), r.bodyUsed];
  },
  empty: async () => {
    const r = new Response();
    return [r.body, await r.text(), await r.text(), r.bodyUsed, show(r.headers)];
  },
  bytes: async () => {
    const r = new Response(bytes(1, 2, 3));
    const copy = r.clone();
    return [show(r.headers), [...new Uint8Array(await r.arrayBuffer())], [...(await copy.bytes())]];
  },
  json: async () => {
    const r = Response.json({ a: [1, 'é'] }, { status: 201, headers: { x: 'y' } });
    const typed = Response.json(1, { headers: { 'content-type': 'a/b' } });
    return [
      r.status,
      show(r.headers),
      await r.json(),
      show(typed.headers),
      show(Response.json(null).headers),
    ];
  },
  redirect: () => {
    const r = Response.redirect('https://example.com/a b', 307);
    return [r.status, r.headers.get('location')];
  },
  redirectRefused: () =>
    Promise.all([
      failure(() => Response.redirect('https://example.com/', 200 as never)),
      failure(() => Response.redirect('::')),
      failure(() => Response.redirect('https://a.test/').headers.set('a', 'b')),
    ]),
  error: () => {
    const r = Response.error();
    return [r.status, r.type, r.ok];
  },
  refused: () =>
    Promise.all([
      failure(() => new Response('', { status: 99 })),
      failure(() => new Response('', { status: 600 })),
      failure(() => new Response('x', { status: 204 })),
      failure(() => new Response(null, { statusText: 'a\nb' })),
      failure(() => new Response('x').json()),
      failure(() => new Request('nonsense')),
      failure(() => new Request('http://a/', { method: 'GET', body: 'x' })),
      failure(() => new Request('http://a/', { method: 'TRACE' })),
      failure(() => new Request('http://u:p@a/')),
      failure(() => Response.json(undefined)),
      failure(() => new Response('x').formData()),
    ]),
  nullBody: async () => [
    new Response(null, { status: 204 }).status,
    await new Response(null).text(),
  ],
  params: async () => {
    const r = new Response(new URLSearchParams({ a: 'b c', d: 'é' }));
    return [show(r.headers), await r.text()];
  },
  blob: async () => {
    const r = new Response(new Blob(['a', bytes(98)], { type: 'Text/Plain' }));
    const blob = await r.blob();
    return [show(r.headers), blob.type, blob.size, await blob.text()];
  },
  stream: async () => {
    const r = new Response(streamOf(bytes(104), bytes(105)), { headers: { a: 'b' } });
    return [show(r.headers), await r.text(), r.bodyUsed];
  },
  bodyStream: async () => {
    const r = new Response('abc');
    const body = r.body as ReadableStream<Uint8Array>;
    const reader = body.getReader();
    const first = await reader.read();
    return [[...(first.value ?? [])], (await reader.read()).done, r.bodyUsed, body.locked];
  },
  rewrapped: async () => {
    const first = new Response('abc', { headers: { x: '1' } });
    const second = new Response(first.body, first);
    second.headers.append('y', '2');
    return [show(second.headers), await second.text(), first.bodyUsed, second.bodyUsed];
  },
  teed: async () => {
    const r = new Response(streamOf(bytes(97), bytes(98)));
    const copy = r.clone();
    return [await copy.text(), await r.text()];
  },
  bom: async () => [
    await new Response('\ufeffa').text(),
    await new Response(bytes(0xef, 0xbb, 0xbf, 97)).text(),
    await new Response('\ud800').text(),
  ],
  request: async () => {
    const r = new Request('HTTP://Example.com:80/a/../b?q#f', {
      method: 'post',
      headers: { A: '1' },
      body: 'hi',
    });
    return [
      r.method,
      r.url,
      show(r.headers),
      await r.clone().text(),
      await r.text(),
      r.redirect,
      r.bodyUsed,
    ];
  },
  requestFrom: async () => {
    const a = new Request('http://a.test/', { method: 'PUT', body: 'x', headers: { h: '1' } });
    const b = new Request(a, { headers: { g: '2' } });
    const c = new Request('http://c.test/x', b as RequestInit);
    return [b.method, show(b.headers), a.bodyUsed, c.url, c.method, await c.text()];
  },
  patch: () =>
    ['patch', 'delete', 'FOO'].map((method) => new Request('http://a/', { method }).method),
  signal: async () => {
    const controller = new AbortController();
    const r = new Request('http://a/', { signal: controller.signal });
    const copy = r.clone();
    controller.abort('why');
    return [r.signal.aborted, r.signal.reason, copy.signal.aborted, r.signal === controller.signal];
  },
  formBack: async () => {
    const form = new FormData();
    form.append('a', 'x\ny');
    form.append('f"1', new File(['contént'], 'n"é.txt', { type: 'text/x' }));
    form.append('a', new Blob([bytes(0, 255, 13, 10)]), 'b.bin');
    const r = new Response(form);
    const type = r.headers.get('content-type') ?? '';
    const back = await r.formData();
    const file = back.get('f"1') as File;
    const blob = back.getAll('a')[1] as File;
    return [
      type.startsWith('multipart/form-data; boundary='),
      back.get('a'),
      [...back.keys()],
      [file.name, file.type, await file.text()],
      [blob.name, blob.type, [...(await blob.bytes())]],
    ];
  },
  formEncoded: async () => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const form = await new Response('a=1&b=%C3%A9+x&a=2', { headers: type }).formData();
    form.set('a', '3');
    form.delete('b');
    return [...form];
  },
};

export const texts: Record<string, Case> = {
  encode: () =>
    ['', 'abc', 'é', '€𝄞', '\ud800x', 'é'.repeat(700)].map((t) => [...new TextEncoder().encode(t)]),
  encodeInto: () =>
    ['abc', 'é€', '€𝄞𝄞'].map((text) => {
      const to = new Uint8Array(5);
      return [new TextEncoder().encodeInto(text, to), [...to]];
    }),
  labels: () =>
    ['utf8', ' UTF-8 ', 'latin1', 'ascii', 'utf-16', 'utf-16be'].map(
      (l) => new TextDecoder(l).encoding,
    ),
  unknown: () => failure(() => new TextDecoder('nope')),
  latin1: () => new TextDecoder('latin1').decode(bytes(65, 0x80, 0x9f, 0xe9)),
  utf16: () => [
    new TextDecoder('utf-16le').decode(bytes(0x3d, 0xd8, 0x00, 0xde, 65, 0)),
    new TextDecoder('utf-16be').decode(bytes(0xd8, 0x3d, 0xde, 0x00, 0)),
    new TextDecoder('utf-16le').decode(bytes(0xff, 0xfe, 65, 0)),
  ],
  bom: () => [
    new TextDecoder().decode(bytes(0xef, 0xbb, 0xbf, 97)).length,
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes(0xef, 0xbb, 0xbf, 97)).length,
  ],
  fatal: () => failure(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes(0xff))),
  streaming: () => {
    const decoder = new TextDecoder();
    const parts = [
      bytes(0xef, 0xbb),
      bytes(0xbf, 0xe2),
      bytes(0x82),
      bytes(0xac, 0xf0, 0x9f),
      bytes(0x41),
    ];
    return [...parts.map((part) => decoder.decode(part, { stream: true })), decoder.decode()];
  },
  streamingUtf16: () => {
    const decoder = new TextDecoder('utf-16le');
    const parts = [bytes(0x3d), bytes(0xd8, 0x00), bytes(0xde, 65)];
    return [...parts.map((part) => decoder.decode(part, { stream: true })), decoder.decode()];
  },
  streams: async () => {
    const decoded = streamOf(bytes(0xe2), bytes(0x82, 0xac)).pipeThrough(new TextDecoderStream());
    const texts: unknown[] = [];
    for await (const text of decoded) texts.push(text);
    const encoder = new TextEncoderStream();
    const writer = encoder.writable.getWriter();
    void writer.write('a\ud83d');
    void writer.write('\ude00');
    void writer.close();
    const all: number[] = [];
    for await (const chunk of encoder.readable) all.push(...chunk);
    return [texts, all];
  },
  base64: () => [atob('aGk='), btoa('hi')],
};
