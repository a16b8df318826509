/** What the process ends with; documented in the help and in README.md. */
export const EXIT = {
  ok: 0,
  /** Refused, failed, or not reachable. */
  failure: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Accepted and durable, but not ready everywhere within the time given, or nowhere at all. */
  notReady: 3,
  /** The mesh answers, and something in it is unwell. */
  unwell: 4,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const;
