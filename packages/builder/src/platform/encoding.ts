import { type BufferSource, concatBytes, toBytes } from './buffer-source.ts';
import { tag } from './define.ts';
import { bytesToLatin1, decodeUtf8, encodeUtf8, incompleteTail } from './utf8.ts';

/** TextEncoder and TextDecoder: utf-8, utf-16le, utf-16be and windows-1252 (which "latin1" means). */

export class TextEncoder {
  get encoding(): string {
    return 'utf-8';
  }

  encode(text = ''): Uint8Array<ArrayBuffer> {
    return encodeUtf8(`${text}`);
  }

  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    if (!(destination instanceof Uint8Array)) throw new TypeError('A Uint8Array is needed');
    const text = `${source}`;
    const whole = text.length * 3 <= destination.length || text.length <= destination.length;
    const bytes = whole ? encodeUtf8(text) : undefined;
    if (bytes !== undefined && bytes.length <= destination.length) {
      destination.set(bytes);
      return { read: text.length, written: bytes.length };
    }
    let read = 0;
    let written = 0;
    for (const point of text) {
      const part = encodeUtf8(point);
      if (written + part.length > destination.length) break;
      destination.set(part, written);
      written += part.length;
      read += point.length;
    }
    return { read, written };
  }
}

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

const LABELS: Readonly<Record<Encoding, string>> = {
  'utf-8': 'utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8',
  'utf-16le': 'utf-16le utf-16 ucs-2 iso-10646-ucs-2 csunicode unicode unicodefeff',
  'utf-16be': 'utf-16be unicodefffe',
  'windows-1252':
    'windows-1252 latin1 l1 ascii us-ascii ansi_x3.4-1968 iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 iso-ir-100 cp1252 cp819 ibm819 csisolatin1 x-cp1252',
};
const BY_LABEL = new Map<string, Encoding>();
for (const [encoding, labels] of Object.entries(LABELS)) {
  for (const label of labels.split(' ')) BY_LABEL.set(label, encoding as Encoding);
}

/** ASCII white space only, other than `trim`. */
const trimmed = (label: string): string => label.replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, '');

/** 0x80 to 0x9f of windows-1252. */
const C1 =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';

export class TextDecoder {
  #encoding: Encoding;
  #fatal: boolean;
  #ignoreBOM: boolean;
  #pending: Uint8Array | undefined = undefined;
  #started = false;

  constructor(label = 'utf-8', options?: { fatal?: boolean; ignoreBOM?: boolean }) {
    const encoding = label === 'utf-8' ? 'utf-8' : BY_LABEL.get(trimmed(`${label}`).toLowerCase());
    if (encoding === undefined) {
      throw new RangeError(`The encoding label provided ('${label}') is not supported`);
    }
    this.#encoding = encoding;
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBOM = Boolean(options?.ignoreBOM);
  }

  get encoding(): string {
    return this.#encoding;
  }

  get fatal(): boolean {
    return this.#fatal;
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM;
  }

  decode(input?: BufferSource, options?: { stream?: boolean }): string {
    let bytes = input === undefined ? new Uint8Array(0) : toBytes(input);
    const stream = Boolean(options?.stream);
    if (this.#encoding === 'windows-1252') {
      return bytesToLatin1(bytes).replace(/[\x80-\x9f]/g, (c) => C1[c.charCodeAt(0) - 128] ?? c);
    }
    if (this.#pending !== undefined) {
      bytes = concatBytes([this.#pending, bytes]);
      this.#pending = undefined;
    }
    if (stream) {
      const tail =
        this.#encoding === 'utf-8' ? incompleteTail(bytes) : incompleteUtf16(bytes, this.#encoding);
      if (tail > 0) {
        this.#pending = bytes.slice(bytes.length - tail);
        bytes = bytes.subarray(0, bytes.length - tail);
      }
    }
    const begun = this.#started;
    this.#started = stream && (begun || bytes.length > 0);
    try {
      const text =
        this.#encoding === 'utf-8'
          ? decodeUtf8(bytes, this.#fatal)
          : decodeUtf16(bytes, this.#encoding === 'utf-16be', this.#fatal);
      if (begun || this.#ignoreBOM || text.charCodeAt(0) !== 0xfeff) return text;
      return text.slice(1);
    } catch (error) {
      this.#started = false;
      this.#pending = undefined;
      throw error;
    }
  }
}

function incompleteUtf16(bytes: Uint8Array, encoding: Encoding): number {
  const odd = bytes.length % 2;
  const high = bytes[bytes.length - odd - (encoding === 'utf-16le' ? 1 : 2)] ?? 0;
  return (high & 0xfc) === 0xd8 ? odd + 2 : odd;
}

function decodeUtf16(bytes: Uint8Array, big: boolean, fatal: boolean): string {
  let text = '';
  const even = bytes.length & ~1;
  for (let i = 0; i < even; i += 2) {
    const [low, high] = big ? [bytes[i + 1], bytes[i]] : [bytes[i], bytes[i + 1]];
    text += String.fromCharCode((low ?? 0) | ((high ?? 0) << 8));
  }
  if (fatal && (even !== bytes.length || !text.isWellFormed())) {
    throw new TypeError('The encoded data was not valid utf-16');
  }
  if (even === bytes.length) return text.toWellFormed();
  // Half a unit behind half a pair is one mistake, not two.
  return `${text.replace(/[\ud800-\udbff]$/, '').toWellFormed()}\ufffd`;
}

tag(TextEncoder, 'TextEncoder');
tag(TextDecoder, 'TextDecoder');
