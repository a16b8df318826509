import { tag } from './define.ts';
import { running } from './host.ts';
import {
  isPlain,
  parseUrl,
  plainParts,
  plainRecord,
  setUrlPart,
  type UrlRecord,
} from './url-record.ts';
import { ofUrl, reset, type URLSearchParams } from './url-search-params.ts';

/** URL over a record that the host's WHATWG parser (or our short cut for plain ones) made. */

export class URL {
  /** A plain address that nobody has changed: its parts are cut from it when asked. */
  #plain: string | undefined = undefined;
  #parsed: UrlRecord | undefined = undefined;
  #params: URLSearchParams | undefined = undefined;

  constructor(url: string | URL, base?: string | URL) {
    const input = typeof url === 'string' ? url : `${url}`;
    if (base === undefined && isPlain(input)) {
      this.#plain = input;
      return;
    }
    const record = parseUrl(input, base === undefined ? undefined : `${base}`);
    if (record === undefined) {
      const error = new TypeError(`Invalid URL: ${JSON.stringify(input)}`);
      Object.assign(error, { code: 'ERR_INVALID_URL', input });
      throw error;
    }
    this.#parsed = record;
  }

  /** What was guessed at build time is parsed properly as soon as the host is there. */
  #now(): UrlRecord {
    const record = this.#parsed ?? plainRecord(this.#plain as string);
    if (record.exact || !running) return record;
    const exact = parseUrl(record.href, undefined) ?? { ...record, exact: true };
    this.#parsed = exact;
    return exact;
  }

  #change(record: UrlRecord): void {
    this.#plain = undefined;
    this.#parsed = record;
  }

  #set(part: keyof UrlRecord, value: string): void {
    const record = setUrlPart(this.#now(), part, `${value}`);
    if (record === undefined) return;
    this.#change(record);
    if (this.#params !== undefined && (part === 'search' || part === 'href')) {
      reset(this.#params, record.search);
    }
  }

  get href(): string {
    return this.#plain ?? this.#now().href;
  }
  set href(value: string) {
    const record = parseUrl(`${value}`, undefined);
    if (record === undefined) throw new TypeError(`Invalid URL: ${JSON.stringify(`${value}`)}`);
    this.#change(record);
    if (this.#params !== undefined) reset(this.#params, record.search);
  }
  get origin(): string {
    return this.#plain === undefined ? this.#now().origin : plainParts.origin(this.#plain);
  }
  get protocol(): string {
    return this.#plain === undefined ? this.#now().protocol : plainParts.protocol(this.#plain);
  }
  set protocol(value: string) {
    this.#set('protocol', value);
  }
  get username(): string {
    return this.#plain === undefined ? this.#now().username : '';
  }
  set username(value: string) {
    this.#set('username', value);
  }
  get password(): string {
    return this.#plain === undefined ? this.#now().password : '';
  }
  set password(value: string) {
    this.#set('password', value);
  }
  get host(): string {
    return this.#plain === undefined ? this.#now().host : plainParts.host(this.#plain);
  }
  set host(value: string) {
    this.#set('host', value);
  }
  get hostname(): string {
    return this.#plain === undefined ? this.#now().hostname : plainParts.hostname(this.#plain);
  }
  set hostname(value: string) {
    this.#set('hostname', value);
  }
  get port(): string {
    return this.#plain === undefined ? this.#now().port : plainParts.port(this.#plain);
  }
  set port(value: string) {
    this.#set('port', value);
  }
  get pathname(): string {
    return this.#plain === undefined ? this.#now().pathname : plainParts.pathname(this.#plain);
  }
  set pathname(value: string) {
    this.#set('pathname', value);
  }
  get search(): string {
    return this.#plain === undefined ? this.#now().search : plainParts.search(this.#plain);
  }
  set search(value: string) {
    this.#set('search', value);
  }
  get hash(): string {
    return this.#plain === undefined ? this.#now().hash : plainParts.hash(this.#plain);
  }
  set hash(value: string) {
    this.#set('hash', value);
  }

  get searchParams(): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = ofUrl(this.search, (query) => {
        const record = setUrlPart(this.#now(), 'search', query);
        if (record !== undefined) this.#change(record);
      });
    }
    return this.#params;
  }

  toString(): string {
    return this.href;
  }

  toJSON(): string {
    return this.href;
  }

  static canParse(url: string | URL, base?: string | URL): boolean {
    return parseUrl(`${url}`, base === undefined ? undefined : `${base}`) !== undefined;
  }

  static parse(url: string | URL, base?: string | URL): URL | null {
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }
}

for (const name of Object.getOwnPropertyNames(URL.prototype)) {
  const property = Object.getOwnPropertyDescriptor(URL.prototype, name);
  if (property?.get) Object.defineProperty(URL.prototype, name, { ...property, enumerable: true });
}
tag(URL, 'URL');
