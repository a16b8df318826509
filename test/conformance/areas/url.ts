import type { WptUrl } from '../written/url.ts';
import type { Area } from './area.ts';

const parts = (url: URL | null): unknown =>
  url && [
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
  ];

type Part = 'href' | 'protocol' | 'username' | 'password' | 'host' | 'hostname' | 'port';

export const url: Area = {
  parse: (input: string) => parts(URL.parse(input)),
  construct: (input: string) => parts(new URL(input)),
  canParse: (input: string) => URL.canParse(input),
  /** The last says whether the web-platform-tests agree. */
  wpt: ({ input, failure }: WptUrl) => [
    parts(URL.parse(input)),
    URL.canParse(input) === (failure !== true),
  ],
  relative: ([input, base]: [string, string]) => [
    parts(URL.parse(input, base)),
    URL.canParse(input, base),
  ],
  setters: ([href, changes]: [string, [Part, string][]]) => {
    const it = new URL(href);
    return changes.map(([part, value]) => {
      try {
        it[part] = value;
      } catch (error) {
        return (error as Error).name;
      }
      return it.href;
    });
  },
  searchParams: ([href, changes]: [string, [string, string][]]) => {
    const it = new URL(href);
    const seen: unknown[] = [[...it.searchParams]];
    for (const [name, value] of changes) {
      it.searchParams.append(name, value);
      seen.push(it.href);
      it.search = `?${value}`;
      seen.push([...it.searchParams]);
      it.searchParams.delete(name);
      seen.push(it.href, JSON.stringify(it), `${it}`);
    }
    return seen;
  },
};

type Step =
  | ['append' | 'set', string, string]
  | ['delete' | 'has', string, string | null]
  | ['get' | 'getAll', string]
  | ['sort'];

export const searchParams: Area = {
  parse: (input: string) => [[...new URLSearchParams(input)], `${new URLSearchParams(input)}`],
  record: (input: Record<string, string>) => `${new URLSearchParams(input)}`,
  pairs: (input: string[][]) => [...new URLSearchParams(input as [string, string][])],
  operations: ([input, steps]: [string, Step[]]) => {
    const params = new URLSearchParams(input);
    const seen = steps.map((step): unknown => {
      if (step[0] === 'sort') return params.sort();
      if (step[0] === 'get' || step[0] === 'getAll') return params[step[0]](step[1]);
      if (step[0] === 'append' || step[0] === 'set') return params[step[0]](step[1], step[2]);
      return step[2] === null ? params[step[0]](step[1]) : params[step[0]](step[1], step[2]);
    });
    return [seen, `${params}`, params.size, [...params.keys()], [...params.values()]];
  },
};
