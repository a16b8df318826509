import { PopmeshError } from '@popmesh/contracts';

/**
 * Turns a guest's header lines into what goes into a response, refusing what would split a
 * response and leaving out what is not the function's to say. Functions mostly send the same
 * few blocks, so the outcome is remembered by text.
 */

export const RESPONSE_HEAD_LIMITS = {
  bytesMax: 32 * 1024,
  headersMax: 128,
  cachedBlocksMax: 512,
  cachedBlockLengthMax: 1_024,
} as const;

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
// biome-ignore-start lint/suspicious/noControlCharactersInRegex: these are what is looked for
/** Visible characters, spaces, tabs and bytes above ASCII: no CR, LF or NUL. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const BEYOND_LATIN1 = /[^\x00-\xff]/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: as above

const FORBIDDEN = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'content-length',
  'date',
]);

/** In both forms in which a connection takes it. */
export interface ResponseHead {
  /** Names and values in turn, for node:http. */
  readonly flat: readonly string[];
  /** The same as header lines, each with its line end. */
  readonly text: string;
  /** The content-length that the function gave, which only an answer to HEAD uses; -1 for none. */
  readonly lengthBytes: number;
}

/** What `content-length` is to say. */
export const saidLength = (
  isHead: boolean,
  head: ResponseHead,
  body: string | Uint8Array,
): number => (isHead && body.length === 0 && head.lengthBytes > 0 ? head.lengthBytes : body.length);

export function toHead(flat: readonly string[], lengthBytes = -1): ResponseHead {
  let text = '';
  for (let i = 0; i < flat.length; i += 2) text += `${flat[i]}: ${flat[i + 1]}\r\n`;
  return { flat, text, lengthBytes };
}

export class ResponseHeaders {
  readonly #cache = new Map<string, ResponseHead>();

  read(lines: string): ResponseHead {
    const cached = this.#cache.get(lines);
    if (cached !== undefined) return cached;
    const head = toHead(parse(lines), lengthIn(lines));
    if (lines.length <= RESPONSE_HEAD_LIMITS.cachedBlockLengthMax) {
      if (this.#cache.size >= RESPONSE_HEAD_LIMITS.cachedBlocksMax) this.#cache.clear();
      this.#cache.set(lines, head);
    }
    return head;
  }
}

function parse(lines: string): string[] {
  if (lines.length > RESPONSE_HEAD_LIMITS.bytesMax) throw invalid('its headers are too large');
  const flat: string[] = [];
  for (const line of lines.split('\n')) {
    if (line === '') continue;
    const at = line.indexOf(':');
    const name = line.slice(0, Math.max(at, 0)).toLowerCase();
    let value = line.slice(at + 1).trim();
    if (at <= 0 || !NAME.test(name)) throw invalid('a header has no valid name');
    // Text beyond Latin-1 goes out as its UTF-8 bytes.
    if (BEYOND_LATIN1.test(value)) value = Buffer.from(value, 'utf8').toString('latin1');
    if (!VALUE.test(value)) throw invalid(`the header ${name} has a forbidden character`);
    if (FORBIDDEN.has(name) || name.startsWith('popmesh-')) continue;
    flat.push(name, value);
  }
  if (flat.length > 2 * RESPONSE_HEAD_LIMITS.headersMax) throw invalid('it has too many headers');
  return flat;
}

const LENGTH = /(?:^|\n)content-length:[\t ]*(\d{1,15})[\t ]*(?:\n|$)/i;

function lengthIn(lines: string): number {
  const length = LENGTH.exec(lines)?.[1];
  return length === undefined ? -1 : Number(length);
}

export function checkStatus(status: number): void {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw invalid(`${status} is not a final status`);
  }
}

const invalid = (why: string): PopmeshError =>
  new PopmeshError('invalid_response', `The function's response is not valid: ${why}`);
