/** Inside the guest: a list of inputs in, what each gives out. */

const url = (input: string, base?: string): unknown => {
  const u = URL.parse(input, base);
  if (u === null) return null;
  return [u.href, u.origin, u.username, u.password, u.host, u.port, u.pathname, u.search, u.hash];
};

export const kinds: Record<string, (input: string) => unknown> = {
  url: (input) => url(input),
  relative: (input) => url(input, 'https://base.test/a/b?c#d'),
  params: (input) => [[...new URLSearchParams(input)], `${new URLSearchParams(input)}`],
  utf8: (input) => {
    const bytes = Uint8Array.from(input, (char) => char.charCodeAt(0) & 0xff);
    const half = bytes.length >> 1;
    const decoder = new TextDecoder();
    return [
      new TextDecoder().decode(bytes),
      decoder.decode(bytes.subarray(0, half), { stream: true }) +
        decoder.decode(bytes.subarray(half)),
    ];
  },
  encode: (input) => [...new TextEncoder().encode(input)],
  header: (input) => {
    try {
      return new Headers({ a: input }).get('a');
    } catch (error) {
      return (error as Error).name;
    }
  },
};

export default {
  async fetch(request: Request): Promise<Response> {
    const kind = kinds[new URL(request.url).pathname.slice(1)];
    const inputs = (await request.json()) as string[];
    return Response.json(inputs.map((input) => kind?.(input)));
  },
};
