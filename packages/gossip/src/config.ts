import { PopmeshError } from '@popmesh/contracts';
import { z } from 'zod';

/**
 * The gossip slice of a daemon's config. A profile is a set of defaults, and any
 * single value given wins over it. All members of one mesh should agree on the
 * profile: suspicion that ends at different times costs needless refutations.
 */

const PROFILES = {
  /** Between PoPs: round trips to 300 ms, 10 % loss. */
  wan: {
    tickMs: 100,
    probeIntervalMs: 500,
    // 100 ± 50 ms each way is at most 300 ms for a round trip; twice that, for a busy peer.
    probeTimeoutMs: 600,
    indirectTimeoutMs: 1200,
    // 6 probe intervals: a refutation needs two hops, and six chances to get through.
    suspicionMultiplier: 6,
    suspicionStretch: 3,
    gossipIntervalMs: 200,
    reconnectIntervalMs: 2000,
    seedRetryMinMs: 500,
    seedRetryMaxMs: 10_000,
    callTimeoutMs: 5000,
  },
  /** One machine, or one rack: a dead member is known in about 3 s. */
  local: {
    tickMs: 50,
    probeIntervalMs: 250,
    // Loopback answers in 1 ms; the rest is for a peer whose event loop is busy.
    probeTimeoutMs: 500,
    indirectTimeoutMs: 500,
    // 2 s: longer than the pauses that a healthy daemon is known to make.
    suspicionMultiplier: 8,
    suspicionStretch: 1.25,
    gossipIntervalMs: 100,
    reconnectIntervalMs: 500,
    seedRetryMinMs: 200,
    seedRetryMaxMs: 1000,
    callTimeoutMs: 3000,
  },
} as const;

const ms = z.int().min(10).max(86_400_000).optional();

const inputSchema = z.strictObject({
  profile: z.enum(['wan', 'local']).default('wan'),
  /** Heartbeat of the driver: every deadline below is rounded up to it. */
  tickMs: ms,
  /** One member is probed per interval, each once per round, in random order. */
  probeIntervalMs: ms,
  probeTimeoutMs: ms,
  indirectTimeoutMs: ms,
  /** How many others are asked to probe for us. */
  indirectProbes: z.int().min(0).max(16).default(3),
  /** Suspicion lasts multiplier × max(1, log10(members)) × probeInterval at least… */
  suspicionMultiplier: z.number().min(1).max(100).optional(),
  /** …and stretch × that as long as our own probes have not confirmed it. */
  suspicionStretch: z.number().min(1).max(10).optional(),
  /** Pause between two rounds of pushing what is still queued; the first is at once. */
  gossipIntervalMs: ms,
  gossipFanOut: z.int().min(1).max(16).default(3),
  /** How often one dead member is tried, so that a healed partition is noticed. */
  reconnectIntervalMs: ms,
  seedRetryMinMs: ms,
  seedRetryMaxMs: ms,
  /** Deadline of one push or one step of a sync. */
  callTimeoutMs: ms,
  /** Anti-entropy with one random member. */
  syncIntervalMs: z.int().min(100).max(3_600_000).default(15_000),
  /** After this a dead member is forgotten; a partition that lasts longer heals by seeds only. */
  deadReapMs: z.int().min(1000).default(86_400_000),
  leftReapMs: z.int().min(1000).default(3_600_000),
  /** Announcements outlive their dead member by this. */
  announcementKeepMs: z.int().min(1000).default(600_000),
  /** How long a process waits for another that is alive under its id, before it gives up. */
  idWaitMs: z.int().min(100).max(3_600_000).default(30_000),
  /** A record from further in the future is refused: its sender's clock is wrong. */
  revisionAheadMaxMs: z.int().min(1000).default(300_000),
  membersMax: z.int().min(2).max(10_000).default(1024),
  recordsMax: z.int().min(10).max(1_000_000).default(50_000),
});

const complete = (given: z.output<typeof inputSchema>) => {
  const config = { ...given };
  for (const [name, value] of Object.entries(PROFILES[given.profile])) {
    (config as Record<string, unknown>)[name] ??= value;
  }
  return config as Complete;
};

type Complete = Omit<z.output<typeof inputSchema>, keyof typeof PROFILES.wan> &
  Record<keyof typeof PROFILES.wan, number>;

/** A slice for `loadConfig`: complete after parsing. */
export const gossipConfigSchema = inputSchema.transform(complete);
export type GossipConfigInput = z.input<typeof inputSchema>;
export type GossipConfig = Readonly<Complete>;

/** Throws `invalid_config`. What it returned may be given to it again. */
export function parseGossipConfig(input: GossipConfigInput = {}): GossipConfig {
  const parsed = gossipConfigSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new PopmeshError('invalid_config', `gossip: ${z.prettifyError(parsed.error)}`);
}
