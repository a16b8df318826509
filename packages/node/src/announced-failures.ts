import type { Announcement } from './announcer.ts';
import type { Failure } from './reconciler.ts';

/**
 * The failures in a node's announcement, held to a size: an announcement that outgrows a signed
 * record is never sealed again, and then nothing of this node is known to be ready. Refused: a
 * count of failures, since what a tenant's function says of its end decides how long each is.
 */

const FAILURE_MESSAGE_BYTES_MAX = 300;
export const ANNOUNCED_FAILURES_BYTES_MAX = 64 * 1024;
/** Of one failure, beside its texts: tags, lengths, the revision. */
const OVERHEAD_BYTES = 24;

export type AnnouncedFailure = NonNullable<Announcement['failures']>[number];

/** The newest that fit. */
export function announcedFailures(failures: readonly Failure[]): AnnouncedFailure[] {
  const newestFirst = [...failures].sort((a, b) => Number(b.revision - a.revision));
  const kept: AnnouncedFailure[] = [];
  let bytes = 0;
  for (const { function: id, revision, error, isLasting } of newestFirst) {
    const message = cutToBytes(error.message, FAILURE_MESSAGE_BYTES_MAX);
    bytes += OVERHEAD_BYTES + id.length + error.code.length + Buffer.byteLength(message);
    if (bytes > ANNOUNCED_FAILURES_BYTES_MAX) break;
    kept.push({ function: id, revision, lasting: isLasting, code: error.code, message });
  }
  return kept;
}

const encoder = new TextEncoder();

/** At most so many bytes of UTF-8, never half a character. */
export function cutToBytes(text: string, bytesMax: number): string {
  return text.slice(0, encoder.encodeInto(text, new Uint8Array(bytesMax)).read);
}
