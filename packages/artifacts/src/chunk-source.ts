import { PopmeshError } from '@popmesh/contracts';

/** Someone who may have a chunk: a peer, or JetStream. Trusted with nothing. */
export interface ChunkSource {
  /** Stable over calls: conduct is remembered by it. */
  readonly id: string;
  /**
   * Undefined when the source does not have it. Must not buffer more than
   * `sizeBytesMax`; `readBounded` does that for a stream.
   */
  fetch(
    digest: string,
    options: { readonly signal: AbortSignal; readonly sizeBytesMax: number },
  ): Promise<Uint8Array | undefined>;
}

/**
 * Joins a stream of parts, holding never more than the declared size and one
 * part; the stream is closed at the first byte too many (`peer_misbehaved`).
 */
export async function readBounded(
  parts: AsyncIterable<Uint8Array>,
  sizeBytesMax: number,
): Promise<Uint8Array> {
  const buffer = new Uint8Array(sizeBytesMax);
  let length = 0;
  let empty = 0;
  for await (const part of parts) {
    // Empty parts cost no bytes but could come for ever.
    empty = part.length === 0 ? empty + 1 : 0;
    if (length + part.length > sizeBytesMax || empty > 16) {
      throw new PopmeshError('peer_misbehaved', `a chunk stream passed its ${sizeBytesMax} bytes`);
    }
    buffer.set(part, length);
    length += part.length;
  }
  return buffer.subarray(0, length);
}
