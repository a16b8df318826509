/** The few encodings in which a changed section of a WebAssembly file is written again. */

/** Unsigned LEB128 of a number of at most 32 bits. */
export function unsignedLeb(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value >>> 0; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** Signed LEB128 of a 32-bit number; one that is read as unsigned may be given as such. */
export function signedLeb(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const byte = rest & 0x7f;
    const sign = (byte & 0x40) === 0 ? 0 : -1;
    if (rest >> 7 === sign) return Uint8Array.from([...bytes, byte]);
    bytes.push(byte | 0x80);
  }
}

export function section(id: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(id), unsignedLeb(body.length), body]);
}
