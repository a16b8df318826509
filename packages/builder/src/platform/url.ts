import { tag } from './define.ts';
import { running } from './host.ts';
import { parseUrl, setUrlPart, type UrlRecord } from './url-record.ts';
import { ofUrl, reset, type URLSearchParams } from './url-search-params.ts';

/** URL over a record that the host's WHATWG parser (or our short cut for plain ones) made. */

export class URL {
  #record: UrlRecord;
  #params: URLSearchParams | undefined = undefined;

  constructor(url: string | URL, base?: string | URL) {
    const record = parseUrl(`${url}`, base === undefined ? undefined : `${base}`);
    if (record === undefined) {
      const error = new TypeError(`Invalid URL: ${JSON.stringify(`${url}`)}`);
      Object.assign(error, { code: 'ERR_INVALID_URL', input: `${url}` });
      throw error;
    }
    this.#record = record;
  }

  /** What was guessed at build time is parsed properly as soon as the host is there. */
  #now(): UrlRecord {
    const record = this.#record;
    if (record.exact || !running) return record;
    const exact = parseUrl(record.href, undefined) ?? { ...record, exact: true };
    this.#record = exact;
    return exact;
  }

  #set(part: keyof UrlRecord, value: string): void {
    const record = setUrlPart(this.#now(), part, `${value}`);
    if (record === undefined) return;
    this.#record = record;
    if (this.#params !== undefined && (part === 'search' || part === 'href')) {
      reset(this.#params, record.search);
    }
  }

  get href(): string {
    return this.#now().href;
  }
  set href(value: string) {
    const record = parseUrl(`${value}`, undefined);
    if (record === undefined) throw new TypeError(`Invalid URL: ${JSON.stringify(`${value}`)}`);
    this.#record = record;
    if (this.#params !== undefined) reset(this.#params, record.search);
  }
  get origin(): string {
    return this.#now().origin;
  }
  get protocol(): string {
    return this.#now().protocol;
  }
  set protocol(value: string) {
    this.#set('protocol', value);
  }
  get username(): string {
    return this.#now().username;
  }
  set username(value: string) {
    this.#set('username', value);
  }
  get password(): string {
    return this.#now().password;
  }
  set password(value: string) {
    this.#set('password', value);
  }
  get host(): string {
    return this.#now().host;
  }
  set host(value: string) {
    this.#set('host', value);
  }
  get hostname(): string {
    return this.#now().hostname;
  }
  set hostname(value: string) {
    this.#set('hostname', value);
  }
  get port(): string {
    return this.#now().port;
  }
  set port(value: string) {
    this.#set('port', value);
  }
  get pathname(): string {
    return this.#now().pathname;
  }
  set pathname(value: string) {
    this.#set('pathname', value);
  }
  get search(): string {
    return this.#now().search;
  }
  set search(value: string) {
    this.#set('search', value);
  }
  get hash(): string {
    return this.#now().hash;
  }
  set hash(value: string) {
    this.#set('hash', value);
  }

  get searchParams(): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = ofUrl(this.#now().search, (query) => {
        this.#record = setUrlPart(this.#now(), 'search', query) ?? this.#record;
      });
    }
    return this.#params;
  }

  toString(): string {
    return this.#now().href;
  }

  toJSON(): string {
    return this.#now().href;
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
