/**
 * Short ASCII strings that guests give again and again (header names, `text/plain`), found
 * by their bytes: a decoder costs ten times as much. One string per place, compared byte by
 * byte before it is given, and dropped for the next that falls on its place; so it holds at
 * most `PLACES` strings of `LENGTH_MAX`, all of this instance.
 */
const PLACES = 256;
const LENGTH_MAX = 48;

export class TextCache {
  readonly #places = new Array<string>(PLACES).fill('');
  /** Of the last `find` that missed; below 0 when that must not be kept. */
  #missed = -1;

  find(bytes: Uint8Array, at: number, length: number): string | undefined {
    this.#missed = -1;
    if (length === 0) return '';
    if (length > LENGTH_MAX) return undefined;
    let hash = length;
    let all = 0;
    const end = at + length;
    for (let i = at; i < end; i++) {
      const byte = bytes[i] as number;
      hash = (Math.imul(hash, 31) + byte) | 0;
      all |= byte;
    }
    if (all > 0x7f) return undefined;
    const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
    this.#missed = place;
    const text = this.#places[place] as string;
    if (text.length !== length) return undefined;
    for (let i = 0; i < length; i++) {
      if (text.charCodeAt(i) !== bytes[at + i]) return undefined;
    }
    return text;
  }

  /** The string for the bytes that `find` has just missed. */
  keep(text: string, length: number): string {
    if (this.#missed >= 0 && text.length === length) this.#places[this.#missed] = text;
    return text;
  }
}
