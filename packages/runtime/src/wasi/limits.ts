/** Bounds of the wasi:http host; listed in LIMITS.md. */
export const WASI_LIMITS = Object.freeze({
  /** Bytes that one output stream holds before the guest has to wait. */
  outputBufferBytes: 64 * 1024,
  /** All output streams of an instance together: 512 full ones. More traps. */
  outputTotalBytes: 32 * 1024 * 1024,
  /** One `read` gives at most this, whatever the guest asks for. */
  readBytes: 64 * 1024,
  /** `blocking-write-and-flush` takes at most this; fixed by the WASI text. */
  blockingWriteBytes: 4096,
  /** How long a response head waits for its body to end, so that both leave in one piece. */
  headHoldMs: 1,
  /** After the client is gone, how long the guest may take to notice before it is ended. */
  cancelGraceMs: 100,
  /** Of one `fields`: names and values together. More traps. */
  fieldsBytes: 128 * 1024,
  fieldsEntries: 1024,
  /** Of an outgoing body. More are refused. */
  trailersBytes: 8 * 1024,
  /** Handles of one instance to resources of one kind. More traps. */
  handles: 64 * 1024,
  /** Pollables in one `poll`. */
  pollables: 1024,
  /** One `get-random-bytes`. */
  randomBytes: 64 * 1024,
  /** Of an unfinished stdout or stderr line; then it is logged as it is. */
  logLineBytes: 8 * 1024,
});
