import { headersPrograms, requestPrograms } from '../written/fetch.ts';
import { runOf } from '../written/programs.ts';
import { responsePrograms } from '../written/response.ts';
import { type Area, bytesOf, outcome } from './area.ts';

type Pairs = [string, string][];
type Step = ['append' | 'set', string, string] | ['delete' | 'get' | 'has', string];

export const headers: Area = {
  written: runOf(headersPrograms),
  value: (value: string) => new Headers({ a: value }).get('a'),
  name: (name: string) => [...new Headers({ [name]: 'v' })],
  pairs: (pairs: string[][]) => [...new Headers(pairs as Pairs)],
  operations: async ([init, steps]: [Pairs, Step[]]) => {
    const it = new Headers();
    for (const [name, value] of init) await outcome(() => it.append(name, value));
    const seen: unknown[] = [];
    for (const step of steps) {
      seen.push(
        await outcome(() =>
          step[0] === 'append' || step[0] === 'set'
            ? it[step[0]](step[1], step[2])
            : it[step[0]](step[1]),
        ),
      );
    }
    return [seen, [...it], it.getSetCookie(), [...it.keys()], [...new Headers(it)]];
  },
};

interface BodySpec {
  kind: 'none' | 'text' | 'bytes' | 'params' | 'blob' | 'stream' | 'buffer';
  text: string;
}

function makeBody({ kind, text }: BodySpec): ConstructorParameters<typeof Response>[0] {
  const bytes = new TextEncoder().encode(text);
  switch (kind) {
    case 'none':
      return null;
    case 'text':
      return text;
    case 'bytes':
      return bytes;
    case 'buffer':
      return bytes.buffer;
    case 'params':
      return new URLSearchParams(text);
    case 'blob':
      return new Blob([bytes], { type: 'Text/Odd' });
    case 'stream':
      return new ReadableStream({
        start(controller) {
          controller.enqueue(bytes.subarray(0, bytes.length >> 1));
          controller.enqueue(bytes.subarray(bytes.length >> 1));
          controller.close();
        },
      });
  }
}

type Read = 'text' | 'json' | 'bytes' | 'arrayBuffer' | 'blob' | 'formData' | 'clone' | 'body';

async function readAll(message: Request | Response, reads: readonly Read[]): Promise<unknown> {
  const seen: unknown[] = [];
  for (const read of reads) {
    seen.push(
      await outcome(async () => {
        if (read === 'clone') return await message.clone().text();
        if (read === 'body') return [message.body !== null, message.body?.locked];
        const value: unknown = await message[read]();
        if (value instanceof Blob) return [value.type, value.size, await value.text()];
        if (value instanceof FormData) return [...value];
        return value;
      }),
      message.bodyUsed,
    );
  }
  return seen;
}

interface ResponseSpec {
  status?: number;
  statusText?: string;
  headers?: Pairs;
  body: BodySpec;
  reads: Read[];
}
interface RequestSpec {
  url: string;
  method?: string;
  headers?: Pairs;
  redirect?: Request['redirect'];
  body: BodySpec;
  reads: Read[];
}

export const requests: Area = {
  written: runOf(requestPrograms),
  create: async ({ url, body, reads, ...init }: RequestSpec) => {
    const content = makeBody(body);
    const streaming = body.kind === 'stream' ? { duplex: 'half' } : {};
    const it = new Request(url, {
      ...init,
      ...(content === null ? {} : { body: content, ...streaming }),
    } as RequestInit);
    const facts = [it.method, it.url, it.redirect, [...it.headers], it.signal.aborted];
    return [facts, await readAll(it, reads)];
  },
  derive: async ([first, second]: [RequestSpec, RequestSpec]) => {
    const a = new Request(first.url, {
      method: 'POST',
      body: makeBody(first.body),
      duplex: 'half',
    } as RequestInit);
    const { method, headers } = second;
    const b = new Request(a, {
      ...(method === undefined ? {} : { method }),
      ...(headers === undefined ? {} : { headers }),
    });
    return [b.method, b.url, [...b.headers], a.bodyUsed, await readAll(b, second.reads)];
  },
  method: (method: string) => new Request('http://a.test/', { method }).method,
};

export const responses: Area = {
  written: runOf(responsePrograms),
  create: async ({ body, reads, ...init }: ResponseSpec) => {
    const it = new Response(makeBody(body), init);
    const facts = [it.status, it.ok, it.statusText, it.type, it.url, it.redirected];
    return [facts, [...it.headers], await readAll(it, reads)];
  },
  json: async ([value, init]: [unknown, ResponseInit]) => {
    const it = Response.json(value, init);
    return [it.status, [...it.headers], await it.text()];
  },
  redirect: ([url, status]: [string, number]) => {
    const it = Response.redirect(url, status as 301);
    return [it.status, [...it.headers]];
  },
  rewrap: async ({ body, reads, ...init }: ResponseSpec) => {
    const first = new Response(makeBody(body), { headers: init.headers ?? [] });
    const second = new Response(first.body, init);
    return [[...second.headers], await readAll(second, reads), first.bodyUsed];
  },
};

export const blobs: Area = {
  slice: async ([parts, start, end, type]: [number[][], number, number, string]) => {
    const blob = new Blob(parts.map(bytesOf), { type });
    const part = blob.slice(start, end, type);
    return [blob.size, blob.type, part.size, part.type, await part.bytes()];
  },
  text: async (parts: string[]) => await new Blob(parts).text(),
  form: async (pairs: Pairs) => {
    const form = new FormData();
    for (const [name, value] of pairs) {
      form.append(name, value);
      if (value.length > 3) form.set(name, value.slice(1));
    }
    const back = await new Response(form).formData();
    return [[...form], [...back], pairs.map(([name]) => form.getAll(name))];
  },
  multipart: async ([content, type]: [string, string]) =>
    [...(await new Response(content, { headers: { 'content-type': type } }).formData())].map(
      ([name, value]) => [
        name,
        typeof value === 'string' ? value : [value.name, value.type, value.size],
      ],
    ),
};
