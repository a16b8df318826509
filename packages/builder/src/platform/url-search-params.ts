import { tag } from './define.ts';
import { bytesToLatin1, decodeUtf8, encodeUtf8, latin1ToBytes } from './utf8.ts';

/** URLSearchParams: all here, since percent-decoding is native to the engine. Parsed when first read. */

export type SearchParamsInit = string | Iterable<Iterable<string>> | Record<string, string>;

type Pair = [name: string, value: string];

export class URLSearchParams {
  #text: string | undefined = undefined;
  #list: Pair[] = [];
  /** The URL that shows what is written here. */
  #changed: ((query: string) => void) | undefined = undefined;

  constructor(init: SearchParamsInit | undefined = '') {
    if (typeof init === 'object' && init !== null) this.#fill(init);
    else this.#text = `${init}`.replace(/^\?/, '');
  }

  #fill(init: Iterable<Iterable<string>> | Record<string, string>): void {
    const iterable = init as Iterable<Iterable<string>>;
    if (iterable[Symbol.iterator] === undefined) {
      for (const name of Object.keys(init)) {
        const value = (init as Record<string, string>)[name];
        this.#list.push([name.toWellFormed(), `${value}`.toWellFormed()]);
      }
      return;
    }
    for (const pair of iterable) {
      const [name, value, ...more] = pair;
      if (name === undefined || value === undefined || more.length > 0) {
        throw new TypeError('Each query parameter is a pair of name and value');
      }
      this.#list.push([`${name}`.toWellFormed(), `${value}`.toWellFormed()]);
    }
  }

  #pairs(): Pair[] {
    if (this.#text !== undefined) {
      this.#list = parseQuery(this.#text);
      this.#text = undefined;
    }
    return this.#list;
  }

  #update(): void {
    if (this.#changed !== undefined) this.#changed(this.toString());
  }

  get size(): number {
    return this.#pairs().length;
  }

  append(name: string, value: string): void {
    this.#pairs().push([`${name}`.toWellFormed(), `${value}`.toWellFormed()]);
    this.#update();
  }

  delete(name: string, value?: string): void {
    const text = `${name}`.toWellFormed();
    const only = value === undefined ? undefined : `${value}`.toWellFormed();
    this.#list = this.#pairs().filter(
      (pair) => pair[0] !== text || (only !== undefined && pair[1] !== only),
    );
    this.#update();
  }

  get(name: string): string | null {
    const text = `${name}`.toWellFormed();
    for (const pair of this.#pairs()) if (pair[0] === text) return pair[1];
    return null;
  }

  getAll(name: string): string[] {
    const text = `${name}`.toWellFormed();
    return this.#pairs()
      .filter((pair) => pair[0] === text)
      .map((pair) => pair[1]);
  }

  has(name: string, value?: string): boolean {
    const text = `${name}`.toWellFormed();
    const only = value === undefined ? undefined : `${value}`.toWellFormed();
    return this.#pairs().some(
      (pair) => pair[0] === text && (only === undefined || pair[1] === only),
    );
  }

  set(name: string, value: string): void {
    const text = `${name}`.toWellFormed();
    const pairs = this.#pairs();
    const first = pairs.find((pair) => pair[0] === text);
    if (first === undefined) pairs.push([text, `${value}`.toWellFormed()]);
    else {
      first[1] = `${value}`.toWellFormed();
      this.#list = pairs.filter((pair) => pair === first || pair[0] !== text);
    }
    this.#update();
  }

  sort(): void {
    this.#pairs().sort((x, y) => (x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : 0));
    this.#update();
  }

  forEach(
    callback: (value: string, name: string, params: URLSearchParams) => void,
    self?: unknown,
  ): void {
    for (let i = 0; i < this.#pairs().length; i++) {
      const [name, value] = this.#list[i] as Pair;
      callback.call(self, value, name, this);
    }
  }

  *entries(): IterableIterator<Pair> {
    for (let i = 0; i < this.#pairs().length; i++) yield [...(this.#list[i] as Pair)];
  }

  *keys(): IterableIterator<string> {
    for (let i = 0; i < this.#pairs().length; i++) yield (this.#list[i] as Pair)[0];
  }

  *values(): IterableIterator<string> {
    for (let i = 0; i < this.#pairs().length; i++) yield (this.#list[i] as Pair)[1];
  }

  toString(): string {
    let text = '';
    for (const [name, value] of this.#pairs()) {
      text += `${text === '' ? '' : '&'}${encodePart(name)}=${encodePart(value)}`;
    }
    return text;
  }

  declare [Symbol.iterator]: () => IterableIterator<Pair>;

  /** Ours: the params of a URL, which hears of every change. */
  static ofUrl(query: string, changed: (query: string) => void): URLSearchParams {
    const params = new URLSearchParams(query);
    params.#changed = changed;
    return params;
  }

  /** Ours: the URL's query was set. */
  static reset(params: URLSearchParams, query: string): void {
    params.#text = query.replace(/^\?/, '');
  }
}

export const { ofUrl, reset } = URLSearchParams;
for (const name of ['ofUrl', 'reset']) Reflect.deleteProperty(URLSearchParams, name);

function parseQuery(text: string): Pair[] {
  const pairs: Pair[] = [];
  if (text === '') return pairs;
  for (const part of text.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    if (equals < 0) pairs.push([decodePart(part), '']);
    else pairs.push([decodePart(part.slice(0, equals)), decodePart(part.slice(equals + 1))]);
  }
  return pairs;
}

function decodePart(part: string): string {
  if (!part.includes('%') && !part.includes('+')) return part.toWellFormed();
  const spaced = part.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced).toWellFormed();
  } catch {
    return decodeMalformed(spaced);
  }
}

/** Wrong escapes stay as they are, wrong UTF-8 becomes U+FFFD. */
function decodeMalformed(text: string): string {
  const latin1 = bytesToLatin1(encodeUtf8(text)).replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return decodeUtf8(latin1ToBytes(latin1), false);
}

function encodePart(text: string): string {
  return encodeURIComponent(text).replace(/%20|[!'()~]/g, (found) =>
    found === '%20' ? '+' : `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, {
  value: URLSearchParams.prototype.entries,
  writable: true,
  configurable: true,
});
tag(URLSearchParams, 'URLSearchParams');
