import { type Area, bytesOf, outcome } from './area.ts';

type Format = 'gzip' | 'deflate' | 'deflate-raw';

async function through(
  pair: { readable: ReadableStream; writable: WritableStream },
  chunks: readonly Uint8Array[],
): Promise<number[]> {
  const writer = pair.writable.getWriter();
  // The reader is told of what is wrong, too.
  writer.closed.catch(() => {});
  for (const chunk of chunks) writer.write(chunk).catch(() => {});
  writer.close().catch(() => {});
  const bytes: number[] = [];
  for await (const chunk of pair.readable as unknown as AsyncIterable<Uint8Array>) {
    bytes.push(...chunk);
  }
  return bytes;
}

export const compression: Area = {
  round: async ([format, chunks, times]: [Format, number[][], number]) => {
    const parts = chunks.map((chunk) => bytesOf(Array(times).fill(chunk).flat()));
    const packed = await through(new CompressionStream(format), parts);
    return await through(new DecompressionStream(format), [bytesOf(packed)]);
  },
  spoilt: async ([format, data, cut, junk]: [Format, number[], number, number[]]) => {
    const packed = await through(new CompressionStream(format), [bytesOf(data)]);
    const spoilt = bytesOf([...packed.slice(0, packed.length - cut), ...junk]);
    return await outcome(() => through(new DecompressionStream(format), [spoilt]));
  },
  format: (format: string) => new CompressionStream(format as Format).readable.locked,
};
