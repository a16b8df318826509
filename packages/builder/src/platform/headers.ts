import { tag } from './define.ts';
import { headerName, headerValue } from './header-syntax.ts';

/**
 * Headers. Those that came from the host stay one string of lines, searched in place
 * (0.7 µs a look-up, no parsing) until somebody iterates or writes. Otherwise a map of
 * lower-case names to combined values, with set-cookie kept apart, as it never combines.
 */

export type HeadersInit = Headers | Iterable<Iterable<string>> | Record<string, string> | object;

type Pair = [name: string, value: string];

let written = '';
const writeLine = (value: string, name: string): void => {
  written += `${name}: ${value}\n`;
};

interface Rest {
  readonly immutable: boolean;
  readonly cookies: readonly string[] | undefined;
  readonly sorted: Pair[] | undefined;
}
const FRESH: Rest = { immutable: false, cookies: undefined, sorted: undefined };
const FROM_HOST: Rest = { immutable: true, cookies: undefined, sorted: undefined };

export class Headers {
  /** Lines, with a line feed before the first one too; undefined once parsed into the map. */
  #lines: string | undefined = undefined;
  #map: Map<string, string> | undefined = undefined;
  /** What few have; shared until something in it changes. */
  #rest: Rest = FRESH;

  // With a default, so that `Headers.length` is 0.
  constructor(init: HeadersInit | undefined = undefined) {
    if (init !== undefined) this.#fill(init);
  }

  #fill(init: HeadersInit): void {
    if (init === null || typeof init !== 'object') {
      throw new TypeError('Headers are made from Headers, a list of pairs or an object');
    }
    if (init instanceof Headers) {
      if (init.#lines !== undefined) this.#lines = init.#lines;
      else {
        this.#map = new Map(init.#map);
        if (init.#rest.cookies !== undefined) this.#setCookies(init.#rest.cookies);
      }
      return;
    }
    if ((init as Iterable<unknown>)[Symbol.iterator] !== undefined) {
      for (const pair of init as Iterable<Iterable<string>>) {
        const [name, value, ...more] = pair;
        if (name === undefined || value === undefined || more.length > 0) {
          throw new TypeError('Each header is a pair of name and value');
        }
        this.append(name, value);
      }
      return;
    }
    const record = init as Record<string, string>;
    for (const symbol of Object.getOwnPropertySymbols(record)) {
      if (Object.prototype.propertyIsEnumerable.call(record, symbol)) headerName(symbol as never);
    }
    for (const name of Object.keys(record)) this.append(name, record[name] as string);
  }

  #parsed(): Map<string, string> {
    if (this.#map !== undefined) return this.#map;
    const map = new Map<string, string>();
    this.#map = map;
    const lines = this.#lines;
    if (lines === undefined) return map;
    this.#lines = undefined;
    for (const line of lines.split('\n')) {
      const colon = line.indexOf(': ', 1);
      if (colon < 0) continue;
      const name = line.slice(0, colon);
      const value = line.slice(colon + 2);
      if (name === 'set-cookie') this.#addCookie(value);
      else {
        const before = map.get(name);
        map.set(name, before === undefined ? value : `${before}, ${value}`);
      }
    }
    return map;
  }

  #addCookie(value: string): void {
    const { cookies } = this.#rest;
    this.#setCookies(cookies === undefined ? [value] : [...cookies, value]);
  }

  #setCookies(cookies: readonly string[] | undefined): void {
    this.#rest = { immutable: this.#rest.immutable, cookies, sorted: undefined };
  }

  #writable(): Map<string, string> {
    const rest = this.#rest;
    if (rest.immutable) throw new TypeError('These headers are immutable');
    if (rest.sorted !== undefined) this.#rest = { ...rest, sorted: undefined };
    return this.#map ?? this.#parsed();
  }

  append(name: string, value: string): void {
    const lower = headerName(name);
    const text = headerValue(value);
    const map = this.#writable();
    if (lower === 'set-cookie') this.#addCookie(text);
    else {
      const before = map.get(lower);
      map.set(lower, before === undefined ? text : `${before}, ${text}`);
    }
  }

  set(name: string, value: string): void {
    const lower = headerName(name);
    const text = headerValue(value);
    const map = this.#writable();
    if (lower === 'set-cookie') this.#setCookies([text]);
    else map.set(lower, text);
  }

  delete(name: string): void {
    const lower = headerName(name);
    const map = this.#writable();
    if (lower === 'set-cookie') this.#setCookies(undefined);
    else map.delete(lower);
  }

  get(name: string): string | null {
    const lower = headerName(name);
    if (this.#lines !== undefined) return findLine(this.#lines, lower);
    if (lower === 'set-cookie') return this.#rest.cookies?.join(', ') ?? null;
    return this.#map?.get(lower) ?? null;
  }

  has(name: string): boolean {
    const lower = headerName(name);
    if (this.#lines !== undefined) return this.#lines.includes(`\n${lower}: `);
    if (lower === 'set-cookie') return this.#rest.cookies !== undefined;
    return this.#map?.has(lower) ?? false;
  }

  getSetCookie(): string[] {
    this.#parsed();
    return this.#rest.cookies?.slice() ?? [];
  }

  #pairs(): Pair[] {
    if (this.#rest.sorted !== undefined) return this.#rest.sorted;
    const pairs: Pair[] = [...this.#parsed()];
    for (const cookie of this.#rest.cookies ?? []) pairs.push(['set-cookie', cookie]);
    // Sorting is stable, so cookies keep their order.
    pairs.sort((x, y) => (x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : 0));
    this.#rest = { ...this.#rest, sorted: pairs };
    return pairs;
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    for (let i = 0; i < this.#pairs().length; i++) {
      const [name, value] = this.#pairs()[i] as Pair;
      callback.call(self, value, name, this);
    }
  }

  *entries(): IterableIterator<Pair> {
    for (let i = 0; i < this.#pairs().length; i++) yield [...(this.#pairs()[i] as Pair)];
  }

  *keys(): IterableIterator<string> {
    for (let i = 0; i < this.#pairs().length; i++) yield (this.#pairs()[i] as Pair)[0];
  }

  *values(): IterableIterator<string> {
    for (let i = 0; i < this.#pairs().length; i++) yield (this.#pairs()[i] as Pair)[1];
  }

  declare [Symbol.iterator]: () => IterableIterator<Pair>;

  /** Ours: as the host gave them, with a line feed in front. Not touched until read. */
  static fromLines(lines: string): Headers {
    const headers = new Headers();
    headers.#lines = lines;
    headers.#rest = FROM_HOST;
    return headers;
  }

  /** Ours: as the host takes them. */
  static toLines(headers: Headers): string {
    if (headers.#lines !== undefined) return headers.#lines.slice(1);
    written = '';
    headers.#map?.forEach(writeLine);
    if (headers.#rest.cookies !== undefined) {
      for (const cookie of headers.#rest.cookies) writeLine(cookie, 'set-cookie');
    }
    return written;
  }

  static freeze(headers: Headers): Headers {
    headers.#rest = { ...headers.#rest, immutable: true };
    return headers;
  }
}

function findLine(lines: string, lower: string): string | null {
  const needle = `\n${lower}: `;
  let at = lines.indexOf(needle);
  if (at < 0) return null;
  let value: string | undefined;
  do {
    const start = at + needle.length;
    at = lines.indexOf('\n', start);
    const part = lines.slice(start, at < 0 ? undefined : at);
    value = value === undefined ? part : `${value}, ${part}`;
    at = at < 0 ? -1 : lines.indexOf(needle, at);
  } while (at >= 0);
  return value;
}

export const { fromLines, toLines, freeze } = Headers;
for (const name of ['fromLines', 'toLines', 'freeze']) Reflect.deleteProperty(Headers, name);

Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: Headers.prototype.entries,
  writable: true,
  configurable: true,
});
tag(Headers, 'Headers');
