/** Bounds of this room; the arithmetic between them is checked below. See LIMITS.md. */

const KIB = 1024;

export const CHUNK_BYTES_MIN = 16 * KIB;
export const CHUNK_BYTES_AVERAGE = 64 * KIB;
/** A chunk travels as one NATS message (1 MB) and four of them are in memory at once. */
export const CHUNK_BYTES_MAX = 256 * KIB;

export const ARTIFACT_BYTES_MAX = 64 * KIB * KIB;
export const CHUNKS_PER_ARTIFACT_MAX = ARTIFACT_BYTES_MAX / CHUNK_BYTES_MIN;

/** Kept for a person to look at; the oldest go first. */
export const QUARANTINED_FILES_MAX = 16;
/** Files written at once by one store; more wait. */
export const STORE_WRITES_MAX = 8;
/** Sources whose conduct is remembered; the least recently judged is forgotten first. */
export const SOURCES_REMEMBERED_MAX = 1024;

if (CHUNK_BYTES_MIN >= CHUNK_BYTES_AVERAGE || CHUNK_BYTES_AVERAGE >= CHUNK_BYTES_MAX) {
  throw new RangeError('chunk bounds must be in order');
}
