import { xxh3 } from '@node-rs/xxhash';
import { RECORD_ENVELOPE_BYTES_MAX, RECORD_KEY_LENGTH_MAX } from '@popmesh/protocol';
import type { StoredRecord } from './persistence.ts';

/**
 * The bytes of the log and of the snapshot: one frame after another, each with a
 * mark, its length and its hash, so that a torn tail is seen and a damaged middle
 * costs the frames it touches and no others.
 *
 *   mark 4 | body length 4 | xxh3 of body 8 | body
 *   body = key length 2 | key | revision 8 | envelope     (no envelope: removed)
 */

const MARK = Buffer.from([0xf1, 0x70, 0x6d, 0x01]);
const HEADER_BYTES = 16;
const BODY_BYTES_MAX = 2 + 4 * RECORD_KEY_LENGTH_MAX + 8 + RECORD_ENVELOPE_BYTES_MAX;

export function encodeFrame(record: StoredRecord): Buffer {
  const key = Buffer.from(record.key, 'utf8');
  const bodyBytes = 2 + key.length + 8 + record.envelope.length;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  MARK.copy(frame, 0);
  frame.writeUInt32LE(bodyBytes, 4);
  frame.writeUInt16LE(key.length, HEADER_BYTES);
  key.copy(frame, HEADER_BYTES + 2);
  frame.writeBigUInt64LE(record.revision, HEADER_BYTES + 2 + key.length);
  frame.set(record.envelope, HEADER_BYTES + 2 + key.length + 8);
  frame.writeBigUInt64LE(xxh3.xxh64(frame.subarray(HEADER_BYTES)), 8);
  return frame;
}

export interface Frames {
  /** In order of writing; an empty envelope means that the key was removed. */
  readonly records: StoredRecord[];
  /** Bytes that belong to no good frame. */
  readonly damagedBytes: number;
}

export function decodeFrames(bytes: Buffer): Frames {
  const records: StoredRecord[] = [];
  let damagedBytes = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = frameEnd(bytes, at);
    if (end !== undefined) {
      records.push(decodeBody(bytes.subarray(at + HEADER_BYTES, end)));
      at = end;
      continue;
    }
    const next = bytes.indexOf(MARK, at + 1);
    const resumeAt = next === -1 ? bytes.length : next;
    damagedBytes += resumeAt - at;
    at = resumeAt;
  }
  return { records, damagedBytes };
}

function frameEnd(bytes: Buffer, at: number): number | undefined {
  if (at + HEADER_BYTES > bytes.length) return undefined;
  if (MARK.compare(bytes, at, at + MARK.length) !== 0) return undefined;
  const bodyBytes = bytes.readUInt32LE(at + 4);
  const end = at + HEADER_BYTES + bodyBytes;
  if (bodyBytes < 10 || bodyBytes > BODY_BYTES_MAX || end > bytes.length) return undefined;
  const body = bytes.subarray(at + HEADER_BYTES, end);
  if (xxh3.xxh64(body) !== bytes.readBigUInt64LE(at + 8)) return undefined;
  return body.readUInt16LE(0) + 10 <= bodyBytes ? end : undefined;
}

function decodeBody(body: Buffer): StoredRecord {
  const keyEnd = 2 + body.readUInt16LE(0);
  return {
    key: body.toString('utf8', 2, keyEnd),
    revision: body.readBigUInt64LE(keyEnd),
    // Copied: a view would keep the whole file in memory.
    envelope: new Uint8Array(body.subarray(keyEnd + 8)),
  };
}
