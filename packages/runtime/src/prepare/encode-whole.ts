/**
 * Replaces how the glue writes strings into a guest. jco counts the bytes, allocates
 * exactly that and calls `encodeInto`; in Node 26.10 that stops one character short when
 * the room is exact, the string is longer than 256 and ends in a two-byte character
 * ("aé" × 200), and the glue then traps the instance. `encode` and a copy has no such
 * case, and needs no count.
 */

const EXACT =
  /let len = 0;\s+let codepoints = 0;[\s\S]{0,700}?const ptr = (await )?realloc\(0, 0, 1, len\);[\s\S]{0,300}?throw new Error\('failed to encode whole string'\);\s+\}/g;

export const encodeWhole = (source: string): string =>
  source.replace(
    EXACT,
    'let codepoints; const encoded = TEXT_ENCODER_UTF8.encode(s); const len = encoded.length; ' +
      'const ptr = $1realloc(0, 0, 1, len); new Uint8Array(memory.buffer, ptr, len).set(encoded);',
  );
