/** The few pieces of WebAssembly's binary format that preparing writes itself. */

export function u32Leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? byte | 0x80 : byte);
  } while (rest > 0);
  return out;
}

export const sectionOf = (id: number, body: Uint8Array): Uint8Array => lebSection(id, [body]);

export function lebSection(id: number, body: readonly Uint8Array[]): Uint8Array {
  const sizeBytes = body.reduce((total, part) => total + part.length, 0);
  return Buffer.concat([Uint8Array.from([id, ...u32Leb(sizeBytes)]), ...body]);
}
