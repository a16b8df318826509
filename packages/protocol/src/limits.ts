/** Bounds of the wire, in one place because both ends enforce them. See LIMITS.md. */

export const GRPC_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
export const CHUNK_PART_BYTES_MAX = 64 * 1024;
export const RECORD_ENVELOPE_BYTES_MAX = 512 * 1024;
export const RECORD_KEY_LENGTH_MAX = 384;

/** Of the mesh port. A member has a handful of connections to another, and many may share a host. */
export const MESH_CONNECTION_LIMITS = {
  connectionsMax: 4_096,
  connectionsPerAddressMax: 512,
  silentMax: 1_024,
  /** From the connection to HTTP/2's first settings, TLS included. */
  silenceMs: 5_000,
};
/** How long a removal must be remembered, so that a member long away cannot undo it. */
export const TOMBSTONE_KEPT_MS = 7 * 24 * 3_600_000;
