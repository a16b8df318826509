/** Bounds of the way out; listed in LIMITS.md. Counts and bytes per function come with the options. */
export const OUTBOUND_LIMITS = Object.freeze({
  lookupMs: 5_000,
  connectMs: 5_000,
  /** From the request's last byte to the response's head. */
  headMs: 30_000,
  /** Between two pieces of a response body. */
  bodyIdleMs: 30_000,
  /** A response whose body nobody begins to read is closed. */
  unreadBodyMs: 15_000,
  keepAliveMs: 10_000,
  redirects: 20,
  /** Addresses of one name that are looked at; more is refused, not cut. */
  addresses: 64,
  urlBytes: 8 * 1024,
  requestHeaders: 128,
  requestHeaderBytes: 64 * 1024,
  responseHeaderBytes: 64 * 1024,
});
