/** Bounds of the wire, in one place because both ends enforce them. See LIMITS.md. */

export const GRPC_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
export const CHUNK_PART_BYTES_MAX = 64 * 1024;
export const RECORD_ENVELOPE_BYTES_MAX = 512 * 1024;
export const RECORD_KEY_LENGTH_MAX = 384;
