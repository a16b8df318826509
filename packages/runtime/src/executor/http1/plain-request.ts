import type { RawBuffer } from '../../ring/byte-ring.ts';
import { CONTROL, HOP_BY_HOP, RequestHead, readControl } from '../request-head.ts';

/**
 * The heads of plain requests, which nearly all are, read in one pass over the bytes. Strict:
 * what is not wholly plain is not judged here but left to node:http, with every byte of it, so
 * there is one judge of everything doubtful, and nothing that this takes may mean something else
 * to that (shown by a property test). Refused: node:http for all, 9.2 us of CPU a request where a
 * bare socket takes 5.1.
 */

export const PLAIN_LIMITS = {
  headBytesMax: 8 * 1024,
  headersMax: 100,
  /** Digits of a content-length: below 2^31. */
  lengthDigitsMax: 9,
} as const;

const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS'].map((name) => ({
  name,
  bytes: Buffer.from(`${name} `),
}));
const VERSION = Buffer.from(' HTTP/1.1\r\n');

/** Lower case of the characters that a header's name may have, 0 for all others. */
const NAME = new Uint8Array(256);
for (const c of Buffer.from("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")) NAME[c] = c;
for (let c = 65; c <= 90; c++) NAME[c] = c + 32;
/** What a header's value may have: tabs, visible ASCII, and bytes above it (UTF-8, mostly). */
const VALUE = new Uint8Array(256).fill(1, 0x20, 0x7f).fill(1, 0x80);
VALUE[9] = 1;
/** What a target may have; a fragment is left to the other parser. */
const TARGET = new Uint8Array(256).fill(1, 0x21, 0x7f);
TARGET[35] = 0;

const [TAB, LF, CR, SPACE, SLASH, COLON] = [9, 10, 13, 32, 47, 58] as const;

/** Names that are looked at, by a hash that the pass over the bytes computes on the way. */
const hashOf = (name: string): number => {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0;
  return hash;
};
const HOST = hashOf('host');
const CONTENT_LENGTH = hashOf('content-length');
const CONNECTION = hashOf('connection');
const CONTROL_HASH = hashOf(CONTROL);
const NOT_PLAIN = new Set([...HOP_BY_HOP].map(hashOf));

export class PlainParser {
  /** The header lines in the guest's form. A name and its value grow by one space at most. */
  readonly #lines = Buffer.alloc(PLAIN_LIMITS.headBytesMax * 2) as unknown as RawBuffer;
  head = new RequestHead();

  /** Where the body begins, and `head` is filled; 0 when the request is not plain. */
  parse(bytes: RawBuffer): number {
    const head = new RequestHead();
    this.head = head;
    const end = Math.min(bytes.length, PLAIN_LIMITS.headBytesMax);
    const at = this.#requestLine(bytes, end, head);
    return at === 0 ? 0 : this.#headers(bytes, at, end, head);
  }

  #requestLine(bytes: RawBuffer, end: number, head: RequestHead): number {
    let at = 0;
    for (const method of METHODS) {
      if (bytes[0] !== method.bytes[0] || !startsAt(bytes, 0, end, method.bytes)) continue;
      head.method = method.name;
      at = method.bytes.length;
      break;
    }
    if (at === 0 || bytes[at] !== SLASH) return 0;
    const start = at;
    while (at < end && TARGET[bytes[at] as number] === 1) at++;
    if (!startsAt(bytes, at, end, VERSION)) return 0;
    head.target = bytes.latin1Slice(start, at);
    return at + VERSION.length;
  }

  #headers(bytes: RawBuffer, from: number, end: number, head: RequestHead): number {
    const lines = this.#lines;
    let filled = 0;
    let at = from;
    let hosts = 0;
    for (let count = 0; ; count++) {
      if (at + 1 >= end || count > PLAIN_LIMITS.headersMax) return 0;
      if (bytes[at] === CR) break;
      const lineStart = filled;
      const nameStart = at;
      let hash = 0;
      let control = false;
      for (; at < end; at++) {
        const c = NAME[bytes[at] as number] as number;
        if (c === 0) break;
        lines[filled++] = c;
        hash = (Math.imul(hash, 31) + c) | 0;
        if (hash === CONTROL_HASH && at - nameStart === CONTROL.length - 1) control = true;
      }
      const nameEnd = filled;
      if (at >= end || at === nameStart || bytes[at] !== COLON) return 0;
      at++;
      while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
      const valueStart = at;
      lines[filled++] = COLON;
      lines[filled++] = SPACE;
      for (; at < end; at++) {
        const c = bytes[at] as number;
        if (VALUE[c] === 0) break;
        lines[filled++] = c;
      }
      if (at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) return 0;
      let valueEnd = at;
      for (; valueEnd > valueStart; valueEnd--, filled--) {
        const c = bytes[valueEnd - 1];
        if (c !== SPACE && c !== TAB) break;
      }
      lines[filled++] = LF;
      at += 2;
      if (control) {
        const name = lines.latin1Slice(lineStart, nameEnd);
        const taken =
          name.startsWith(CONTROL) &&
          readControl(head, name, bytes.latin1Slice(valueStart, valueEnd));
        if (taken) filled = lineStart;
      } else if (hash === HOST && isName(lines, lineStart, nameEnd, 'host')) {
        if (++hosts > 1) return 0;
        head.host = bytes.latin1Slice(valueStart, valueEnd);
      } else if (hash === CONTENT_LENGTH && isName(lines, lineStart, nameEnd, 'content-length')) {
        if (head.contentLength >= 0) return 0;
        head.contentLength = digits(bytes, valueStart, valueEnd);
        if (head.contentLength < 0) return 0;
      } else if (hash === CONNECTION && isName(lines, lineStart, nameEnd, 'connection')) {
        if (bytes.latin1Slice(valueStart, valueEnd).toLowerCase() !== 'keep-alive') return 0;
        filled = lineStart;
      } else if (NOT_PLAIN.has(hash)) return 0;
    }
    if (bytes[at + 1] !== LF || hosts !== 1) return 0;
    head.lines = lines.latin1Slice(0, filled);
    return at + 2;
  }
}

/** Many names share a hash, and whoever sends them can look for such. */
const isName = (lines: RawBuffer, start: number, end: number, name: string): boolean =>
  lines.latin1Slice(start, end) === name;

function startsAt(bytes: Buffer, at: number, end: number, what: Buffer): boolean {
  if (at + what.length > end) return false;
  for (let i = 0; i < what.length; i++) if (bytes[at + i] !== what[i]) return false;
  return true;
}

/** A whole number of digits only, else -1. */
function digits(bytes: Buffer, start: number, end: number): number {
  if (end <= start || end - start > PLAIN_LIMITS.lengthDigitsMax) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
