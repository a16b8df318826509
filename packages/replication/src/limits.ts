/** Bounds of this room. See LIMITS.md. */

/** Records waiting to be written to NATS, one per key. Beyond: dropped, found again by the reconcile. */
export const OUTBOX_RECORDS_MAX = 20_000;
/** Messages of the watch not yet applied. Beyond: dropped, found again by the reconcile. */
export const WATCH_QUEUE_MAX = 1_000;
/** Records being applied, or written, at once. */
export const APPLY_CONCURRENCY = 32;
export const WRITE_CONCURRENCY = 16;
/** Compare-and-set attempts for one record before it goes back to the outbox. */
export const WRITE_ATTEMPTS_MAX = 8;
/** Messages asked for at once by a scan: 64 envelopes of at most 512 KiB are 32 MiB at worst. */
export const SCAN_BATCH_MESSAGES = 64;
/** Chunks read from disk and written to NATS at once while re-seeding. */
export const SEED_CONCURRENCY = 4;
/** After so many chunks the list of what is there is asked for again: other nodes seed too. */
export const SEED_BATCH_CHUNKS = 256;
/** Unused chunks removed from NATS between two looks at the registry; their bytes are held meanwhile: 8 MiB at most. */
export const COLLECT_BATCH_CHUNKS = 32;
/** And in one pass, so that it ends. */
export const COLLECT_CHUNKS_MAX = 1_024;
/** Chunks written by deploys at once; more wait, holding their bytes. */
export const CHUNK_WRITES_WAITING_MAX = 256;
/** Every so many reconciles believe nothing that was remembered. */
export const FULL_SCAN_EVERY = 20;
/** Every so many reconciles the chunk stream is compared with the chunks in use. */
export const CHUNK_CHECK_EVERY = 10;
/** Comparisons, ever further apart, after a deletion mark was heard of: the stream may store it late. */
export const MARK_LOOKS = 5;
/** What `stop` waits for a connection to say good-bye. */
export const CLOSE_TIMEOUT_MS = 500;

/** The newest versions kept per function, beside those an alias points to. */
export const VERSIONS_KEPT_MAX = 20;
/** What happened to a function that its authors should know; the newest are kept in its record. */
export const NOTICES_KEPT_MAX = 16;
/** A record travels in one message of at most 512 KiB with its envelope; half leaves room to grow. */
export const RECORD_PAYLOAD_AIM_BYTES = 256 * 1024;
/** Changes of one function waiting for each other on this node. */
export const CHANGES_WAITING_MAX = 32;
/** Times a change is redone because a newer record came in between. */
export const CHANGE_ATTEMPTS_MAX = 5;
