import { host, running } from './host.ts';

/**
 * UTF-8 both ways. A call to the host costs 5 µs plus 1 ns a byte; the engine's own
 * natives (base64, escape, URI coding) 0.5 µs plus 8 ns a byte: so short strings stay
 * here and long ones go to the host. Refused: a loop over char codes, 80 ns a byte.
 */

const HOST_FROM_LENGTH = 512;
/** A slice for the engine's natives, so that `escape` triples kilobytes and not megabytes. */
const SLICE_BYTES = 32_768;
const NOT_ASCII = /[^\0-\x7f]/;

export const latin1ToBytes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.fromBase64(btoa(text));

export const bytesToLatin1 = (bytes: Uint8Array): string => atob(bytes.toBase64());

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  if (text.length === 0) return new Uint8Array(0);
  if (running && text.length > HOST_FROM_LENGTH) {
    return host.utf8Encode(text.toWellFormed()) as Uint8Array<ArrayBuffer>;
  }
  if (!NOT_ASCII.test(text)) return latin1ToBytes(text);
  return latin1ToBytes(unescape(encodeURIComponent(text.toWellFormed())));
}

/** No byte order mark handling. Throws a TypeError when `fatal` and malformed. */
export function decodeUtf8(bytes: Uint8Array, fatal: boolean): string {
  if (bytes.length === 0) return '';
  // The host may drop a byte order mark, which is not ours to lose here.
  if (running && !fatal && bytes.length > HOST_FROM_LENGTH && bytes[0] !== 0xef) {
    return host.utf8Decode(bytes);
  }
  if (bytes.length <= SLICE_BYTES) return decodeSlice(bytes, fatal);
  let text = '';
  for (let start = 0; start < bytes.length; ) {
    let end = Math.min(bytes.length, start + SLICE_BYTES);
    if (end < bytes.length) end -= incompleteTail(bytes.subarray(start, end));
    text += decodeSlice(bytes.subarray(start, end), fatal);
    start = end;
  }
  return text;
}

function decodeSlice(bytes: Uint8Array, fatal: boolean): string {
  const latin1 = bytesToLatin1(bytes);
  if (!NOT_ASCII.test(latin1)) return latin1;
  try {
    return decodeURIComponent(escape(latin1));
  } catch {
    if (fatal) throw new TypeError('The encoded data was not valid utf-8');
    return decodeWithReplacement(bytes);
  }
}

/** How many bytes at the end begin a sequence that is not complete yet. */
export function incompleteTail(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      if (byte < 0xc2 || byte > 0xf4 || needed <= back) return 0;
      return back === 1 || maySecond(byte, bytes[length - back + 1] ?? 0) ? back : 0;
    }
  }
  return 0;
}

/** The bytes that may follow at once are fewer after some first ones. */
function maySecond(first: number, second: number): boolean {
  const lower = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const upper = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  return second >= lower && second <= upper;
}

/** The standard's decoder, byte by byte: one U+FFFD per maximal wrong part. */
function decodeWithReplacement(bytes: Uint8Array): string {
  let text = '';
  let needed = 0;
  let point = 0;
  let lower = 0x80;
  let upper = 0xbf;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (needed > 0) {
      if (byte >= lower && byte <= upper) {
        point = (point << 6) | (byte & 0x3f);
        lower = 0x80;
        upper = 0xbf;
        if (--needed === 0) text += String.fromCodePoint(point);
        continue;
      }
      text += '\ufffd';
      needed = 0;
    }
    lower = 0x80;
    upper = 0xbf;
    if (byte < 0x80) text += String.fromCharCode(byte);
    else if (byte >= 0xc2 && byte <= 0xdf) {
      needed = 1;
      point = byte & 0x1f;
    } else if (byte >= 0xe0 && byte <= 0xef) {
      if (byte === 0xe0) lower = 0xa0;
      if (byte === 0xed) upper = 0x9f;
      needed = 2;
      point = byte & 0x0f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      if (byte === 0xf0) lower = 0x90;
      if (byte === 0xf4) upper = 0x8f;
      needed = 3;
      point = byte & 0x07;
    } else text += '\ufffd';
  }
  return needed > 0 ? `${text}\ufffd` : text;
}
