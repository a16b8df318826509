import { leb } from '../check/bytes.ts';

/** The few pieces of WebAssembly's binary format that preparing writes itself. */

export const sectionOf = (id: number, body: Uint8Array): Uint8Array => lebSection(id, [body]);

export function lebSection(id: number, body: readonly Uint8Array[]): Uint8Array {
  const sizeBytes = body.reduce((total, part) => total + part.length, 0);
  return Buffer.concat([Uint8Array.from([id, ...leb(sizeBytes)]), ...body]);
}
