import type { HeaderList } from '../worker/door.ts';
import { WASI_LIMITS } from './limits.ts';
import { err, OK, ok, type Result } from './result.ts';

export type HeaderError =
  | { readonly tag: 'invalid-syntax' }
  | { readonly tag: 'forbidden' }
  | { readonly tag: 'immutable' };

const INVALID: Result<never, HeaderError> = err({ tag: 'invalid-syntax' });
const FORBIDDEN: Result<never, HeaderError> = err({ tag: 'forbidden' });
const IMMUTABLE: Result<never, HeaderError> = err({ tag: 'immutable' });

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Field values are latin-1 strings here: visible characters, space, tab and obs-text. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Belong to the connection, which is the host's; the guest neither sees nor sets them. */
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Those by length, so that most names are passed over by theirs alone. */
const FORBIDDEN_BY_LENGTH: readonly (readonly string[])[] = Array.from(
  { length: 20 },
  (_, length) => [...FORBIDDEN_NAMES].filter((name) => name.length === length),
);

/** Headers as lines, and in `at` where each name and each value begins and ends. */
export interface HeaderText {
  readonly lines: string;
  readonly at: readonly number[];
}

/** Without those that are forbidden. The lines are the host's own: names in lower case. */
function scan(lines: string): HeaderText {
  const at: number[] = [];
  for (let from = 0; from < lines.length; ) {
    let to = lines.indexOf('\n', from);
    if (to < 0) to = lines.length;
    const colon = lines.indexOf(':', from);
    if (colon <= from || colon > to) throw new Error('a header line has no name');
    let valueFrom = colon + 1;
    let valueTo = to;
    while (valueFrom < valueTo && isBlank(lines.charCodeAt(valueFrom))) valueFrom++;
    while (valueFrom < valueTo && isBlank(lines.charCodeAt(valueTo - 1))) valueTo--;
    const forbidden = FORBIDDEN_BY_LENGTH[colon - from]?.some((name) =>
      lines.startsWith(name, from),
    );
    if (forbidden !== true) at.push(from, colon, valueFrom, valueTo);
    from = to + 1;
  }
  return { lines, at };
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/**
 * `wasi:http/types` fields: names in lower case, values as latin-1 strings and only made
 * bytes when the guest asks, because most headers of most requests are never looked at.
 */
export class Fields {
  #parsed: HeaderList = [];
  /** What was not parsed yet, and perhaps never is. */
  #lines: string | undefined;
  #bytes = 0;
  #immutable = false;

  /** The host's own: not checked, since it was parsed by the host's HTTP parser. */
  static incoming(headers: HeaderList): Fields {
    const fields = new Fields();
    fields.#parsed = headers.filter(([name]) => !FORBIDDEN_NAMES.has(name));
    fields.#immutable = true;
    return fields;
  }

  /** The same, of a request that brings them as `name: value` lines. */
  static incomingLines(lines: string): Fields {
    const fields = new Fields();
    fields.#lines = lines;
    fields.#immutable = true;
    return fields;
  }

  /** For lowering without a string for each. Undefined when they are no lines any more. */
  static text(fields: Fields): HeaderText | undefined {
    return fields.#lines === undefined ? undefined : scan(fields.#lines);
  }

  get #entries(): HeaderList {
    if (this.#lines !== undefined) {
      const { lines, at } = scan(this.#lines);
      this.#lines = undefined;
      for (let i = 0; i < at.length; i += 4) {
        this.#parsed.push([lines.slice(at[i], at[i + 1]), lines.slice(at[i + 2], at[i + 3])]);
      }
    }
    return this.#parsed;
  }

  set #entries(entries: HeaderList) {
    this.#parsed = entries;
  }

  /** The headers of a message that was made: from now on read-only. */
  static freeze(fields: Fields): Fields {
    fields.#immutable = true;
    return fields;
  }

  static list(fields: Fields): HeaderList {
    return fields.#entries;
  }

  static fromList(entries: [string, Uint8Array][]): Result<Fields, HeaderError> {
    const fields = new Fields();
    for (const [name, value] of entries) {
      const result = fields.append(name, value);
      if (result.tag === 'err') return result;
    }
    return ok(fields);
  }

  get(name: string): Uint8Array[] {
    return Fields.values(this, name).map(toBytes);
  }

  /** With a character for each byte. */
  static values(fields: Fields, name: string): string[] {
    const key = name.toLowerCase();
    const values: string[] = [];
    for (const entry of fields.#entries) if (entry[0] === key) values.push(entry[1]);
    return values;
  }

  has(name: string): boolean {
    const key = name.toLowerCase();
    return this.#entries.some((entry) => entry[0] === key);
  }

  set(name: string, values: Uint8Array[]): Result<undefined, HeaderError> {
    const key = name.toLowerCase();
    const refusal = this.#refusal(name, key);
    if (refusal !== undefined) return refusal;
    const texts: string[] = [];
    for (const value of values) {
      const text = fromBytes(value);
      if (!VALUE.test(text)) return INVALID;
      texts.push(text);
    }
    this.#remove(key);
    for (const text of texts) this.#push(key, text);
    return OK;
  }

  append(name: string, value: Uint8Array): Result<undefined, HeaderError> {
    return this.appendText(name, fromBytes(value));
  }

  /** `text` has a character for each byte. */
  appendText(name: string, text: string): Result<undefined, HeaderError> {
    const key = name.toLowerCase();
    const refusal = this.#refusal(name, key);
    if (refusal !== undefined) return refusal;
    if (!VALUE.test(text)) return INVALID;
    this.#push(key, text);
    return OK;
  }

  delete(name: string): Result<undefined, HeaderError> {
    const key = name.toLowerCase();
    const refusal = this.#refusal(name, key);
    if (refusal !== undefined) return refusal;
    this.#remove(key);
    return OK;
  }

  entries(): [string, Uint8Array][] {
    return this.#entries.map(([name, value]) => [name, toBytes(value)]);
  }

  clone(): Fields {
    const fields = new Fields();
    fields.#entries = this.#entries.map(([name, value]) => [name, value]);
    fields.#bytes = this.#bytes;
    return fields;
  }

  /** The name as it was given is tested: some letters beyond ASCII have a lower case within. */
  #refusal(name: string, key: string): Result<never, HeaderError> | undefined {
    if (this.#immutable) return IMMUTABLE;
    if (!TOKEN.test(name)) return INVALID;
    return FORBIDDEN_NAMES.has(key) ? FORBIDDEN : undefined;
  }

  #push(key: string, text: string): void {
    this.#bytes += key.length + text.length;
    if (
      this.#bytes > WASI_LIMITS.fieldsBytes ||
      this.#entries.length >= WASI_LIMITS.fieldsEntries
    ) {
      throw new Error('fields: more headers than the host holds');
    }
    this.#entries.push([key, text]);
  }

  #remove(key: string): void {
    this.#entries = this.#entries.filter(([name, value]) => {
      if (name !== key) return true;
      this.#bytes -= name.length + value.length;
      return false;
    });
  }
}

const toBytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const fromBytes = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

/** Undefined when there is none; NaN when it is not a length, or several disagree. */
export function contentLength(headers: HeaderList): number | undefined {
  let length: number | undefined;
  for (const [name, value] of headers) {
    if (name !== 'content-length') continue;
    const here = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (length !== undefined && length !== here) return Number.NaN;
    length = here;
  }
  return length;
}
